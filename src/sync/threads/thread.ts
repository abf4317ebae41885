// Inside a thread of the pool: claim a slot, run the app on it, say that it is done.
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';

import { carry } from '../../core/failure.ts';
import { threadData } from '../../core/spawn.ts';
import { writeAtOnce, writeWhole } from '../../core/stdio.ts';
import { askClock } from '../../http/encoder.ts';
import type { EnvironOptions } from '../environ.ts';
import { Errors } from '../error-stream.ts';
import { Input } from '../input.ts';
import type { Environ, SyncApp } from '../interface.ts';
import { loadSyncApp } from '../loaded.ts';
import { respond } from '../responder.ts';
import { forOneThreadOnly } from './addon.ts';
import type { FromThread, Seat, ThreadData, ToThread } from './messages.ts';
import { Output } from './output.ts';
import { SlotSink, SlotSource, environFor } from './passage.ts';
import { Slots } from './slots.ts';
import { inFlag, outFlag, state, word } from './words.ts';
import { Pace, wakeForMore } from './wakes.ts';
import { Wear } from './wear.ts';

/** ms: after so long the thread's own loop gets a turn between two calls, for the app's timers and promises. */
const maxTurn = 10;
/** Lines of wsgi.errors that may be on their way to the log; beyond them they go to standard error, where writing blocks. */
const maxLines = 256;

void main();

async function main(): Promise<void> {
  // hand.ts starts this module with it
  const data = threadData() as ThreadData;
  const output = new Output();
  writeAtOnce(output.outlet);
  let app: SyncApp;
  try {
    app = await loadSyncApp(data.source, data.argument);
  } catch (error) {
    say({ kind: 'refused', error: carry(forOneThreadOnly(error, data.source)) });
    return;
  }
  // A promise of waitAsync does not keep a thread alive (nodejs/node#44729); a timer does.
  setInterval(() => {}, 2 ** 31 - 1);
  const slots = new Slots(data.slots);
  const seated = seat();
  say({ kind: 'ready' });
  const { index, lane, maxCalls } = await seated;
  const { environOptions, printIds } = data.habits;
  const bench: Bench = { slots, app, index, lane, environOptions, ...(printIds && { output }) };
  askClock();
  const wear = new Wear(maxCalls, data.habits.maxMemory);
  if (data.habits.mode === 'block') workBlocked(bench, wear);
  else await work(bench, wear);
  process.exit(0);
}

/** What a call needs of its thread. */
interface Bench {
  readonly slots: Slots;
  readonly app: SyncApp;
  readonly index: number;
  readonly lane: string;
  readonly environOptions: EnvironOptions;
  readonly output?: Output;
}

/** The first message gives a place in the pool; a spare thread waits for it. */
function seat(): Promise<Seat> {
  return new Promise((resolve) => {
    // the pool sends a seat first, and only to threads without one
    parentPort?.once('message', (message: ToThread) => resolve(message as Seat));
  });
}

/** Serves until the pool closes, or until it is dismissed. Between calls the thread's event loop lives. */
async function work(bench: Bench, wear: Wear): Promise<void> {
  const { slots, index } = bench;
  const pace = new Pace(slots);
  let since = performance.now();
  while (stays(bench)) {
    const slot = slots.claim();
    if (slot < 0) {
      await sleepUntilCalled(slots, index);
      since = performance.now();
      pace.awake(since);
      continue;
    }
    if (!serve(bench, slot)) return;
    const now = performance.now();
    pace.served(now);
    sayWear(wear, now);
    if (now - since > maxTurn) {
      await setImmediate();
      since = performance.now();
      pace.awake(since);
    } else await undefined;
  }
}

/** The same without an event loop: what the app leaves to timers and promises never runs. */
function workBlocked(bench: Bench, wear: Wear): void {
  const { slots, index } = bench;
  const pace = new Pace(slots);
  while (stays(bench)) {
    const slot = slots.claim();
    if (slot < 0) {
      const seen = lieDown(slots, index);
      if (seen !== null) Atomics.wait(slots.words, slots.bell(index), seen);
      slots.getUp(index);
      pace.awake(performance.now());
      continue;
    }
    if (!serve(bench, slot)) return;
    const now = performance.now();
    pace.served(now);
    sayWear(wear, now);
  }
}

/** False where it has left: it has said so, and takes nothing any more. */
function stays({ slots, index }: Bench): boolean {
  if (slots.closing) return false;
  if (!slots.dismissed(index)) return true;
  slots.getUp(index);
  // It may have been woken for a call that it does not take.
  if (slots.queued > 0) slots.wakeOne();
  say({ kind: 'left' });
  return false;
}

async function sleepUntilCalled(slots: Slots, index: number): Promise<void> {
  const seen = lieDown(slots, index);
  if (seen !== null) {
    const wait = Atomics.waitAsync(slots.words, slots.bell(index), seen);
    if (wait.async) await wait.value;
  }
  slots.getUp(index);
}

/** What the thread's bell says as it falls asleep; null where it has something to do. */
function lieDown(slots: Slots, index: number): number | null {
  const seen = Atomics.load(slots.words, slots.bell(index));
  slots.lieDown(index);
  return slots.queued === 0 && !slots.closing && !slots.dismissed(index) ? seen : null;
}

/** One call, or a cancelled one. False where the thread has been condemned meanwhile: it must touch nothing any more. */
function serve(bench: Bench, slot: number): boolean {
  const { slots, index } = bench;
  // Each thread that finds more wakes the next one: the loop wakes one a turn, however many calls came.
  wakeForMore(slots);
  if (slots.turn(slot, state.ready, state.running + index)) return run(bench, slot);
  if (slots.turn(slot, state.cancelled, state.done)) mark(slots, slot);
  return true;
}

function run(bench: Bench, slot: number): boolean {
  const { slots, app, index, output } = bench;
  const timed = (slots.get(slot, word.inFlags) & inFlag.traced) !== 0;
  slots.set(slot, word.thread, index);
  if (timed) slots.times[slots.time(slot)] = performance.timeOrigin + performance.now();
  const input = new Input(new SlotSource(slots, slot, mark));
  const generation = slots.get(slot, word.generation);
  let request: unknown;
  const errors = new Errors((text) => sayLine(slots, { kind: 'line', request, text }));
  try {
    const environ = complete(bench, slot, { input, errors });
    request = environ['dualgate.request_id'];
    output?.enter(request);
    const call = respond(app, environ, new SlotSink(slots, slot, say, mark));
    while (call && !call.next().done);
  } catch (error) {
    slots.add(slot, word.outFlags, outFlag.failed);
    say({ kind: 'failed', slot, generation, error: carry(error) });
  } finally {
    input.expire();
    errors.flush();
    output?.leave();
    if (timed) slots.times[slots.time(slot) + 1] = performance.timeOrigin + performance.now();
  }
  if (!slots.turn(slot, state.running + index, state.done)) return false;
  mark(slots, slot);
  return true;
}

function complete(
  { slots, lane, environOptions }: Bench,
  slot: number,
  { input, errors }: { input: Input; errors: Errors },
): Environ {
  const generation = slots.get(slot, word.generation);
  // The thread adds what only it knows, so that the data becomes a whole environ.
  const environ = environFor(slots, slot, say, environOptions) as Environ;
  environ['wsgi.multithread'] = slots.handle.threads > 1;
  environ['wsgi.input'] = input;
  environ['wsgi.errors'] = errors;
  environ['dualgate.lane'] = lane;
  environ['dualgate.client_disconnected'] = goneOf(slots, slot, generation);
  return environ;
}

/** As goneOf() of inline.ts, and made apart for the same reason. */
function goneOf(slots: Slots, slot: number, generation: number): () => boolean {
  return () =>
    slots.get(slot, word.generation) !== generation || (slots.get(slot, word.inFlags) & inFlag.gone) !== 0;
}

function mark(slots: Slots, slot: number): void {
  if (slots.mark(slot)) say(0);
}

function sayWear(wear: Wear, now: number): void {
  const why = wear.worn(now);
  if (why !== undefined) say({ kind: 'worn', why });
}

function sayLine(slots: Slots, line: Extract<FromThread, { kind: 'line' }>): void {
  if (slots.countLine(1) < maxLines) {
    say(line);
    return;
  }
  slots.countLine(-1);
  writeWhole(2, `${line.text}\n`);
}

function say(message: FromThread): void {
  parentPort?.postMessage(message);
}
