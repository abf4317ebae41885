// One thread of a pool, from outside: it starts, loads the app, takes a seat, and ends.
import type { ResourceLimits, TransferListItem, Worker } from 'node:worker_threads';

import { deferred } from '../../core/deferred.ts';
import { asError, GatewayError } from '../../core/errors.ts';
import { restore } from '../../core/failure.ts';
import type { AppSource } from '../../core/load.ts';
import { startThread } from '../../core/spawn.ts';
import type { FromThread, Habits, ThreadData, ToThread } from './messages.ts';
import type { SlotsHandle } from './slots.ts';

export interface HandOptions {
  readonly source: AppSource;
  readonly slots: SlotsHandle;
  readonly habits: Habits;
  /** Made once a thread: what the source's factory is called with. */
  readonly argument?: (() => { value: unknown; transfer: readonly TransferListItem[] }) | undefined;
  /** ms to load the app. */
  readonly startTimeout: number;
  readonly resourceLimits?: ResourceLimits | undefined;
  readonly onMessage: (hand: Hand, message: Exclude<FromThread, { kind: 'ready' | 'refused' }>) => void;
  /** Once, after its last message; `why` says how it ended. */
  readonly onExit: (hand: Hand, why: GatewayError) => void;
}

/** How long a thread may take to end by itself, and then to be terminated (a native call cannot be). */
const endTimeout = 500;
const terminateTimeout = 5_000;

export class Hand {
  /** How it is called in the log: `thread 3`, `spare thread`. */
  lane: string;
  /** Its index in the pool; null while it has none, or has none any more. */
  seat: number | null = null;
  /** When it was ready, and then when it took its seat, by performance.now(). */
  since = 0;
  /** Resolves when it has loaded the app; rejects with what kept it from that. */
  readonly ready: Promise<void>;
  readonly exited: Promise<void>;
  /** How it ended, once it has exited: it may be before whoever waits for `ready` hears of that. */
  death: GatewayError | null = null;
  #worker: Worker | null = null;
  #isReady = false;
  #ended = false;
  /** The worker is there, or will never be. */
  readonly #made = deferred();
  readonly #exit = deferred();

  constructor(lane: string, options: HandOptions) {
    this.lane = lane;
    this.exited = this.#exit.promise;
    this.ready = this.#start(options);
    this.ready.catch(() => {}); // whoever waits for it hears of it
  }

  get isReady(): boolean {
    return this.#isReady && !this.#ended;
  }

  /** It had loaded the app, whatever has become of it. */
  get wasReady(): boolean {
    return this.#isReady;
  }

  post(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  /** At once, unless it is in a native call: then as soon as that is over. */
  terminate(): void {
    this.#ended = true;
    void this.#worker?.terminate();
  }

  /** It has been told to end, and is terminated where it does not. False where it is still in a native call after 5 s. */
  async end(): Promise<boolean> {
    this.#ended = true;
    await this.#made.promise;
    const hurry = setTimeout(() => this.terminate(), this.seat === null ? 0 : endTimeout);
    const late = deferred<false>();
    const giveUp = setTimeout(() => {
      this.#worker?.unref();
      late.resolve(false);
    }, terminateTimeout);
    const ended = await Promise.race([this.exited.then(() => true), late.promise]);
    clearTimeout(hurry);
    clearTimeout(giveUp);
    return ended;
  }

  async #start(options: HandOptions): Promise<void> {
    const { source, slots, habits, argument, startTimeout, resourceLimits } = options;
    const ready = deferred();
    try {
      const given = argument?.();
      const data: ThreadData = { slots, source, argument: given?.value, habits };
      const worker = await startThread(import.meta.url, './thread', {
        name: this.lane,
        data,
        apps: [source.url],
        ...(given && { transfer: given.transfer }),
        ...(resourceLimits && { resourceLimits }),
      });
      this.#worker = worker;
      this.#follow(worker, ready, options);
    } catch (thrown) {
      this.#over(new GatewayError('THREAD', 'A thread cannot be started', { cause: thrown }), options);
      throw thrown;
    } finally {
      this.#made.resolve();
    }
    if (this.#ended) this.terminate();
    const late = setTimeout(() => {
      const why = `it took longer than ${startTimeout / 1000} s`;
      ready.reject(new GatewayError('TIMEOUT', `Cannot load "${source.shown}": ${why}`));
    }, startTimeout);
    try {
      await ready.promise;
    } catch (error) {
      this.terminate();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  #follow(worker: Worker, ready: ReturnType<typeof deferred<void>>, options: HandOptions): void {
    let fault: unknown;
    worker.on('message', (message: FromThread) => {
      if (message === 0) options.onMessage(this, message);
      else if (message.kind === 'ready') {
        this.#isReady = true;
        this.since = performance.now();
        ready.resolve();
      } else if (message.kind === 'refused') ready.reject(restore(message.error));
      else options.onMessage(this, message);
    });
    worker.on('error', (error) => {
      fault = error;
    });
    worker.on('exit', (code) => {
      const why = causeOfDeath(this.lane, code, fault);
      ready.reject(why);
      this.#over(why, options);
    });
  }

  #over(why: GatewayError, { onExit }: HandOptions): void {
    this.#ended = true;
    this.death = why;
    onExit(this, why);
    this.#exit.resolve();
  }
}

function causeOfDeath(lane: string, code: number, fault: unknown): GatewayError {
  if (fault === undefined) return new GatewayError('THREAD', `The ${lane} has ended with exit code ${code}`);
  const cause = asError(fault);
  return new GatewayError('THREAD', `The ${lane} has ended: ${cause.name}: ${cause.message}`, { cause });
}
