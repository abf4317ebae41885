// Inside a thread of the pool: claim a slot, run the app on it, say that it is done.
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';

import { carry } from '../../core/failure.ts';
import { loadApp } from '../../core/load.ts';
import { threadData } from '../../core/spawn.ts';
import { writeAtOnce, writeWhole } from '../../core/stdio.ts';
import { asSyncApp } from '../app.ts';
import { Errors } from '../error-stream.ts';
import { Input } from '../input.ts';
import type { Environ, SyncApp } from '../interface.ts';
import { respond } from '../responder.ts';
import type { FromThread, ThreadData } from './messages.ts';
import { SlotSink, SlotSource, environFor } from './passage.ts';
import { inFlag, outFlag, Slots, state } from './slots.ts';

/** ms: after so long the thread's own loop gets a turn between two calls, for the app's timers and promises. */
const maxTurn = 10;
/** Lines of wsgi.errors that may be on their way to the log; beyond them they go to standard error, where writing blocks. */
const maxLines = 256;

void main();

async function main(): Promise<void> {
  // crew.ts starts this module with it
  const data = threadData() as ThreadData;
  writeAtOnce();
  let app: SyncApp;
  try {
    app = asSyncApp(await loadApp(data.source, data.argument), data.source.shown);
  } catch (error) {
    say({ kind: 'refused', error: carry(error) });
    return;
  }
  // A promise of waitAsync does not keep a thread alive (nodejs/node#44729); a timer does.
  setInterval(() => {}, 2 ** 31 - 1);
  const slots = new Slots(data.slots);
  say({ kind: 'ready' });
  await work(slots, app, data);
}

/** Serves until the pool closes. Between calls the thread's event loop lives. */
async function work(slots: Slots, app: SyncApp, data: ThreadData): Promise<void> {
  const { index } = data;
  let since = performance.now();
  while (!slots.closing) {
    const slot = slots.claim();
    if (slot < 0) {
      await sleepUntilCalled(slots, index);
      since = performance.now();
      continue;
    }
    // Each thread that finds more wakes the next one: the loop wakes one a turn, however many calls came.
    if (slots.queued > 0) slots.wakeOne();
    serve(slots, slot, app, data);
    if (performance.now() - since > maxTurn) {
      await setImmediate();
      since = performance.now();
    } else await undefined;
  }
  process.exit(0);
}

async function sleepUntilCalled(slots: Slots, index: number): Promise<void> {
  const bell = slots.bell(index);
  const seen = Atomics.load(slots.words, bell);
  slots.lieDown(index);
  if (slots.queued === 0 && !slots.closing) {
    const wait = Atomics.waitAsync(slots.words, bell, seen);
    if (wait.async) await wait.value;
  }
  slots.getUp(index);
}

/** One call, or a cancelled one. */
function serve(slots: Slots, slot: number, app: SyncApp, { index, lane }: ThreadData): void {
  if (!slots.turn(slot, state.ready, state.running + index)) {
    if (slots.turn(slot, state.cancelled, state.done)) mark(slots, slot);
    return;
  }
  const timed = (slots.get(slot, 'inFlags') & inFlag.traced) !== 0;
  slots.set(slot, 'thread', index);
  if (timed) slots.times[slots.time(slot)] = performance.timeOrigin + performance.now();
  const input = new Input(new SlotSource(slots, slot, () => mark(slots, slot)));
  const generation = slots.get(slot, 'generation');
  let request: unknown;
  const errors = new Errors((text) => sayLine(slots, { kind: 'line', request, text }));
  try {
    const environ = complete(slots, slot, lane, input, errors);
    request = environ['dualgate.request_id'];
    const call = respond(app, environ, new SlotSink(slots, slot, say, () => mark(slots, slot)));
    while (call && !call.next().done);
  } catch (error) {
    slots.add(slot, 'outFlags', outFlag.failed);
    say({ kind: 'failed', slot, generation, error: carry(error) });
  } finally {
    input.expire();
    errors.flush();
    if (timed) slots.times[slots.time(slot) + 1] = performance.timeOrigin + performance.now();
    slots.set(slot, 'state', state.done);
    mark(slots, slot);
  }
}

function complete(slots: Slots, slot: number, lane: string, input: Input, errors: Errors): Environ {
  const generation = slots.get(slot, 'generation');
  // The thread adds what only it knows, so that the data becomes a whole environ.
  const environ = environFor(slots, slot, say) as Environ;
  environ['wsgi.multithread'] = slots.handle.threads > 1;
  environ['wsgi.input'] = input;
  environ['wsgi.errors'] = errors;
  environ['dualgate.lane'] = lane;
  environ['dualgate.client_disconnected'] = () =>
    slots.get(slot, 'generation') !== generation || (slots.get(slot, 'inFlags') & inFlag.gone) !== 0;
  return environ;
}

function mark(slots: Slots, slot: number): void {
  if (slots.mark(slot)) say(0);
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
