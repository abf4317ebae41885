// Outside: owns a loop thread, on which an async app serves callers that block.
import type { TransferListItem, Worker } from 'node:worker_threads';

import { deferred } from '../../core/deferred.ts';
import { asError, GatewayError } from '../../core/errors.ts';
import { revive } from '../../core/failure.ts';
import type { AppSource } from '../../core/load.ts';
import { type Log, silent } from '../../core/log.ts';
import { type MailboxHandle, mailboxPair } from '../../core/mailbox.ts';
import { startThread } from '../../core/spawn.ts';
import type { CallerGiven, LoopData, OwnerToThread, ThreadToOwner } from './messages.ts';

export interface LoopOptions {
  readonly log?: Log;
  /** As AsyncServerOptions.lifespan: `auto` by default. */
  readonly lifespan?: 'auto' | 'on' | 'off';
  /** How long the app may take to be loaded and to start, in ms: 60 000 by default. */
  readonly startupTimeout?: number;
  /** How long it may take to shut down, in ms: 60 000 by default. */
  readonly shutdownTimeout?: number;
  /** How long a caller waits for the app's next event, in ms: 120 000 by default; then its answer is a 504, or cut. */
  readonly timeout?: number;
}

const minute = 60_000;
/** What a thread gets beyond its own deadlines before it is terminated, in ms. */
const slack = 1_000;

/** One loop thread: it loads the app, runs its lifespan once (B-08), and serves many callers at a time. */
export class LoopThread implements AsyncDisposable {
  readonly #source: AppSource;
  readonly #log: Log;
  readonly #timeout: number;
  readonly #data: LoopData;
  readonly #ready = deferred();
  readonly #exited = deferred();
  /** Callers' far ends that wait for the thread. */
  #waiting: MailboxHandle[] = [];
  #worker: Worker | null = null;
  #starting: Promise<void> | null = null;
  #started = false;
  #closing: Promise<void> | null = null;
  #deadline: NodeJS.Timeout | undefined;
  /** Why the thread ended, where nobody had told it to. */
  #fault: Error | null = null;

  constructor(source: AppSource, options: LoopOptions = {}) {
    const { log = silent, lifespan = 'auto', timeout = 2 * minute } = options;
    const { startupTimeout = minute, shutdownTimeout = minute } = options;
    this.#source = source;
    this.#log = log;
    this.#timeout = timeout;
    this.#data = { source, lifespan, startupTimeout, shutdownTimeout };
    this.#ready.promise.catch(() => {}); // start() hands it on
  }

  /**
   * Resolves when the app is loaded and has started. Rejects with GatewayError APP_LOAD, APP_START, TIMEOUT, CLOSED, or
   * THREAD where the thread ended meanwhile. Safe to call twice.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** A new caller's connection, to be given to one thread: what bridge/loop/caller.ts makes a sync app of. */
  caller(): { value: CallerGiven; transfer: readonly TransferListItem[] } {
    const [near, far] = mailboxPair();
    if (this.#closing || this.#fault) far.port.close();
    else if (this.#worker) this.#connect(this.#worker, far);
    else this.#waiting.push(far);
    return { value: { ...near, timeout: this.#timeout }, transfer: [near.port] };
  }

  /**
   * Calls under way hear http.disconnect and get `grace` ms; then the app is shut down, and the thread ends. Callers that
   * still wait throw GatewayError THREAD. Never rejects; safe to call twice.
   */
  close(grace = 5_000): Promise<void> {
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    if (this.#closing) throw new GatewayError('CLOSED', 'Cannot start the loop thread: it was closed');
    const worker = await startThread(import.meta.url, './thread', {
      name: 'dualgate loop thread',
      data: this.#data,
      apps: [this.#source.url],
    });
    this.#follow(worker);
    for (const far of this.#waiting.splice(0)) this.#connect(worker, far);
    const late = this.#lateStart();
    const timer = setTimeout(() => this.#ready.reject(late), this.#data.startupTimeout * 2);
    try {
      await this.#ready.promise;
    } catch (error) {
      this.#fault ??= asError(error);
      await worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    this.#started = true;
    worker.unref(); // like a pool, it lives as long as whoever uses it
  }

  #lateStart(): GatewayError {
    const { shown } = this.#source;
    return new GatewayError(
      'TIMEOUT',
      `Cannot start "${shown}": it was not ready in ${this.#data.startupTimeout * 2} ms`,
    );
  }

  #follow(worker: Worker): void {
    this.#worker = worker;
    worker.on('message', (message: ThreadToOwner) => this.#hear(message));
    worker.on('error', (error) => {
      this.#fault = error;
    });
    worker.on('exit', (code) => this.#exit(code));
  }

  #hear(message: ThreadToOwner): void {
    switch (message.kind) {
      case 'ready':
        this.#ready.resolve();
        break;
      case 'failed':
        this.#ready.reject(revive(message.error));
        break;
      case 'leaving':
        this.#endBy(this.#data.shutdownTimeout + slack);
        break;
      case 'log':
        this.#log[message.level](message.message, {
          ...message.fields,
          ...(message.error && { error: revive(message.error) }),
        });
        break;
      default:
        message satisfies never;
    }
  }

  #exit(code: number): void {
    this.#worker = null;
    this.#exited.resolve();
    if (this.#closing) return;
    const why = this.#fault
      ? `it threw ${this.#fault.name}: ${this.#fault.message}`
      : `its exit code is ${code}`;
    const error = new GatewayError('THREAD', `The loop thread of "${this.#source.shown}" ended: ${why}`, {
      cause: this.#fault,
    });
    this.#fault = error;
    this.#ready.reject(error);
    if (!this.#started) return; // start() says it
    this.#log.error('The loop thread ended, and with it the async app: every call fails from now on', {
      error,
    });
  }

  #connect(worker: Worker, handle: MailboxHandle): void {
    tell(worker, { kind: 'caller', handle }, [handle.port]);
  }

  async #close(grace: number): Promise<void> {
    for (const far of this.#waiting.splice(0)) far.port.close();
    await this.#starting?.catch(() => {}); // whoever started it has heard of it
    const worker = this.#worker;
    if (!worker) return;
    worker.ref();
    tell(worker, { kind: 'close', grace });
    this.#endBy(grace + slack);
    await this.#exited.promise;
    clearTimeout(this.#deadline);
  }

  /** A thread that spins hears nothing. */
  #endBy(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#log.error(`The loop thread of "${this.#source.shown}" did not end in time: it is terminated`);
      void this.#worker?.terminate();
    }, ms);
  }
}

function tell(worker: Worker, message: OwnerToThread, transfer: readonly TransferListItem[] = []): void {
  worker.postMessage(message, transfer);
}
