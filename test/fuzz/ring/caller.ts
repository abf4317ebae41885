// A client of the fuzzer: one call by its plan, and what is wrong with how it ended.
import { setTimeout as wait } from 'node:timers/promises';

import { Disconnected, HttpError } from '../../../src/core/errors.ts';
import type { Executor } from '../../../src/sync/call.ts';
import { TestCall } from '../../unit/sync/carrier.ts';
import { Seeded } from '../seeded.ts';
import type { Ledger } from './ledger.ts';
import { keysOf, type Kinds, type Plan, planOf, sizesOf } from './plan.ts';
import { Stream } from './stream.ts';

export interface Scene {
  readonly seed: number;
  readonly kinds: Kinds;
  readonly ledger: Ledger;
  /** Calls that can be in the pool at once without one being refused. */
  readonly room: number;
  readonly clients: number;
  /** ms for one call to settle. */
  readonly patience: number;
}

class Caller extends TestCall {
  readonly #plan: Plan;
  readonly faults: string[] = [];
  #events = 0;
  left = false;

  constructor(plan: Plan, seed: number) {
    const [key] = keysOf(seed, plan.index);
    const chance = new Seeded(key);
    super({
      method: 'POST',
      query: String(plan.index),
      body: bodyOf(plan, new Stream(key), chance),
      ...(plan.length === 'declared' && { length: plan.up }),
      headers: {
        ...(plan.length === 'expect' && plan.up > 0 && { expect: '100-continue' }),
        ...(plan.wide > 0 && { 'x-wide': 'w'.repeat(plan.wide) }),
      },
      room: () => (plan.slow > 0 && chance.once(plan.slow) ? wait(chance.below(5)) : undefined),
    });
    this.#plan = plan;
  }

  override async read(): ReturnType<TestCall['read']> {
    this.#event();
    return super.read();
  }

  override start(...head: Parameters<TestCall['start']>): void {
    if (this.status !== undefined) this.faults.push('it was started twice');
    super.start(...head);
    this.#event();
  }

  override async write(chunk: Uint8Array): Promise<void> {
    if (this.ended) this.faults.push('it was written to after its end');
    this.#event();
    await super.write(chunk);
  }

  override async end(): Promise<void> {
    if (this.ended) this.faults.push('it was ended twice');
    await super.end();
    this.#event();
  }

  override fail(why: Parameters<TestCall['fail']>[0]): void {
    if (this.failure) this.faults.push('it failed twice');
    super.fail(why);
  }

  override leave(): void {
    this.left = true;
    super.leave();
  }

  /** The client goes at a place of the carrier's, rather than at a time. */
  #event(): void {
    const { leaves } = this.#plan;
    if (leaves && 'event' in leaves && this.#events === leaves.event) this.leave();
    this.#events += 1;
  }
}

/** Runs call number `index`; gives what is wrong with it. */
export async function callOf(pool: Executor, index: number, scene: Scene): Promise<string[]> {
  const { seed, kinds } = scene;
  const plan = planOf(seed, index, kinds);
  const call = new Caller(plan, seed);
  const late =
    plan.leaves && 'ms' in plan.leaves ? setTimeout(() => call.leave(), plan.leaves.ms) : undefined;
  const giveUp = new AbortController();
  const hangs = wait(scene.patience, true, { signal: giveUp.signal }).catch(() => false);
  const hung = await Promise.race([pool.run(call).then(() => false), hangs]);
  giveUp.abort();
  clearTimeout(late);
  const faults = hung ? [`it has not settled in ${scene.patience} ms`] : faultsOf(call, plan, scene);
  return [...call.faults, ...faults].map((fault) => `${fault}\n  ${told(call, plan, scene)}`);
}

function faultsOf(call: Caller, plan: Plan, { seed, kinds, ledger, room, clients }: Scene): string[] {
  const { index } = plan;
  const faults: string[] = [];
  const entered = ledger.get(index, 'entered');
  if (entered > 1) faults.push(`the app was called ${entered} times`);
  const wrong = ledger.get(index, 'wrong');
  if (wrong > 0) faults.push(`byte ${wrong - 1} that the app read is wrong`);
  if (ledger.get(index, 'closed') > 1) faults.push('close() was called more than once');
  const down = new Stream(keysOf(seed, index)[1]);
  if (!call.chunks.every((chunk) => down.holds(chunk))) faults.push(`byte ${down.at} of the answer is wrong`);
  if (call.bytes > plan.down) faults.push(`${call.bytes} bytes came of ${plan.down}`);
  if (call.status && call.header('x-index') !== String(index)) faults.push('it has the head of another call');
  // where it left in the middle of its body too
  if (call.left || plan.breaks === 0) return faults;
  const { failure } = call;
  const refused = failure instanceof HttpError && failure.status === 503;
  // clients that left leave slots behind, which are theirs until a thread has come by
  if (refused && (entered > 0 || clients * 4 <= room)) faults.push('it was refused though there was room');
  if (failure) {
    // it is answered with 500, and says what it was
    const died = kinds.deaths && (failure.code === 'THREAD' || /thread .* has ended/.test(failure.message));
    const planned = ledger.get(index, 'fault') > 0 || plan.breaks !== null;
    if (!died && !planned && !refused) faults.push(`it failed: ${failure.code} ${failure.message}`);
    return faults;
  }
  if (!call.ended) faults.push('it neither ended nor failed');
  if (call.bytes !== plan.down) faults.push(`${call.bytes} bytes came of ${plan.down}`);
  if (entered !== 1) faults.push(`it ended, and the app was called ${entered} times`);
  const whole = !['none', 'half', 'between'].includes(plan.reading) || plan.up === 0;
  if (whole && ledger.get(index, 'seen') !== plan.up) faults.push('the app has not read all of its body');
  return faults;
}

function told(call: Caller, plan: Plan, { ledger }: Scene): string {
  const names = ['entered', 'fault', 'seen', 'wrong', 'closed'] as const;
  const said = names.map((name) => `${name} ${ledger.get(plan.index, name)}`).join(', ');
  const failure = call.failure ? `${call.failure.code} ${call.failure.message}` : 'none';
  return `${JSON.stringify(plan)}\n  status ${call.status}, ${call.bytes} bytes, ended ${call.ended}, left ${call.left}, failure ${failure}; app: ${said}`;
}

/** The pieces of a request's body, some of them late; one that breaks off does so half way. */
function* bodyOf(plan: Plan, stream: Stream, chance: Seeded): Generator<Uint8Array | Promise<Uint8Array>> {
  const half = plan.breaks === null ? Number.POSITIVE_INFINITY : chance.below(plan.up);
  for (const size of sizesOf(chance, plan.up, plan.upPieces)) {
    if (stream.at > half) {
      const error = plan.breaks ? new HttpError(plan.breaks, 'Planned') : new Disconnected('Planned');
      yield failing(error);
    }
    const piece = stream.next(size);
    yield plan.late > 0 && chance.once(plan.late) ? wait(chance.below(12), piece) : piece;
  }
  if (Number.isFinite(half))
    yield failing(plan.breaks ? new HttpError(plan.breaks, 'Planned') : new Disconnected('Planned'));
}

function failing(error: Error): Promise<Uint8Array> {
  const broken = Promise.reject<Uint8Array>(error);
  broken.catch(() => {}); // whoever reads it hears of it
  return broken;
}
