// The threads of a pool: started, watched, replaced when one dies, ended.
import type { ResourceLimits, TransferListItem, Worker } from 'node:worker_threads';

import { deferred } from '../../core/deferred.ts';
import { asError, GatewayError } from '../../core/errors.ts';
import { restore } from '../../core/failure.ts';
import type { AppSource } from '../../core/load.ts';
import type { Log } from '../../core/log.ts';
import { startThread } from '../../core/spawn.ts';
import type { FromThread, ThreadData, ToThread } from './messages.ts';
import type { SlotsHandle } from './slots.ts';

export interface CrewOptions {
  readonly source: AppSource;
  readonly slots: SlotsHandle;
  readonly laneOf: (thread: number) => string;
  /** Made once a thread: what the source's factory is called with. */
  readonly argument?: (() => { value: unknown; transfer: readonly TransferListItem[] }) | undefined;
  /** ms for a thread to load the app. */
  readonly startTimeout: number;
  readonly resourceLimits?: ResourceLimits | undefined;
  readonly log: Log;
  readonly onMessage: (thread: number, message: Exclude<FromThread, { kind: 'ready' | 'refused' }>) => void;
  /** A thread that was ready has died; its replacement is on its way. */
  readonly onDeath: (thread: number, why: GatewayError) => void;
}

/** A thread that dies so soon after its start is a strike; strikes in a row make its replacements wait. */
const shortLife = 5_000;
const firstDelay = 100;
const maxDelay = 5_000;
/** How long a thread may take to end by itself, and then to be terminated (a native call cannot be). */
const endTimeout = 500;
const terminateTimeout = 5_000;

export class Crew {
  readonly #options: CrewOptions;
  readonly #workers = new Map<number, Worker>();
  readonly #strikes = new Map<number, number>();
  readonly #delays = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** All threads at once. Rejects with what kept the app from being loaded; nothing runs then. */
  async start(): Promise<void> {
    const threads = Array.from({ length: this.#options.slots.threads }, (_, thread) => this.#launch(thread));
    try {
      await Promise.all(threads);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  post(thread: number, message: ToThread): void {
    this.#workers.get(thread)?.postMessage(message);
  }

  /** The pool has told the threads to end; those that don't are terminated. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const delay of this.#delays) clearTimeout(delay);
    this.#delays.clear();
    await Promise.all([...this.#workers.values()].map((worker) => end(worker)));
  }

  /** Resolves when the thread has loaded the app. */
  async #launch(thread: number): Promise<void> {
    const { source, slots, laneOf, argument, startTimeout, resourceLimits } = this.#options;
    const given = argument?.();
    const lane = laneOf(thread);
    const data: ThreadData = { slots, index: thread, lane, source, argument: given?.value };
    const more = { ...(given && { transfer: given.transfer }), ...(resourceLimits && { resourceLimits }) };
    const worker = await startThread(import.meta.url, './thread', {
      name: lane,
      data,
      apps: [source.url],
      ...more,
    });
    this.#workers.set(thread, worker);
    const ready = this.#follow(thread, worker, lane);
    if (this.#closed) void worker.terminate();
    const late = setTimeout(() => {
      const seconds = `${startTimeout / 1000} s`;
      ready.reject(
        new GatewayError('TIMEOUT', `Cannot load "${source.shown}": it took longer than ${seconds}`),
      );
      void worker.terminate();
    }, startTimeout);
    try {
      await ready.promise;
    } catch (error) {
      void worker.terminate();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  #follow(thread: number, worker: Worker, lane: string): ReturnType<typeof deferred<void>> {
    const ready = deferred();
    let started = 0;
    let fault: unknown;
    worker.on('message', (message: FromThread) => {
      if (message === 0) this.#options.onMessage(thread, message);
      else if (message.kind === 'ready') {
        started = performance.now();
        ready.resolve();
      } else if (message.kind === 'refused') ready.reject(restore(message.error));
      else this.#options.onMessage(thread, message);
    });
    worker.on('error', (error) => {
      fault = error;
    });
    worker.on('exit', (code) => {
      if (this.#workers.get(thread) === worker) this.#workers.delete(thread);
      const why = causeOfDeath(lane, code, fault);
      ready.reject(why);
      if (started > 0 && !this.#closed) this.#died(thread, why, performance.now() - started);
    });
    return ready;
  }

  #died(thread: number, why: GatewayError, age: number): void {
    this.#options.log.error(`${why.message}; another takes its place`, { error: why.cause ?? why });
    const strikes = age < shortLife ? (this.#strikes.get(thread) ?? 0) + 1 : 0;
    this.#strikes.set(thread, strikes);
    this.#options.onDeath(thread, why);
    this.#replace(thread);
  }

  /** At once the first time; later and later for one that dies again and again. */
  #replace(thread: number): void {
    if (this.#closed) return;
    const strikes = this.#strikes.get(thread) ?? 0;
    const wait = strikes <= 1 ? 0 : Math.min(firstDelay * 2 ** (strikes - 2), maxDelay);
    const delay = setTimeout(() => {
      this.#delays.delete(delay);
      this.#launch(thread).catch((error: unknown) => {
        if (this.#closed) return;
        this.#options.log.error('A thread cannot be replaced', { error: asError(error) });
        this.#strikes.set(thread, strikes + 1);
        this.#replace(thread);
      });
    }, wait);
    this.#delays.add(delay);
  }
}

function causeOfDeath(lane: string, code: number, fault: unknown): GatewayError {
  if (fault === undefined) return new GatewayError('THREAD', `The ${lane} has ended with exit code ${code}`);
  const cause = asError(fault);
  return new GatewayError('THREAD', `The ${lane} has ended: ${cause.name}: ${cause.message}`, { cause });
}

async function end(worker: Worker): Promise<void> {
  const exited = deferred();
  worker.once('exit', () => exited.resolve());
  if (worker.threadId === -1) return;
  const hurry = setTimeout(() => void worker.terminate(), endTimeout);
  const giveUp = setTimeout(() => {
    worker.unref();
    exited.resolve();
  }, terminateTimeout);
  await exited.promise;
  clearTimeout(hurry);
  clearTimeout(giveUp);
}
