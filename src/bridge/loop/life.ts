// Outside: one life of a loop thread, from its start to its exit.
import type { ResourceLimits, TransferListItem, Worker } from 'node:worker_threads';

import { deferred } from '../../core/deferred.ts';
import { GatewayError } from '../../core/errors.ts';
import { revive } from '../../core/failure.ts';
import type { Log } from '../../core/log.ts';
import type { MailboxHandle } from '../../core/mailbox.ts';
import { startThread } from '../../core/spawn.ts';
import type { LoopData, OwnerToThread, ThreadToOwner } from './messages.ts';

export interface LifeOptions {
  readonly data: LoopData;
  readonly log: Log;
  readonly resourceLimits: ResourceLimits | undefined;
}

/** What a thread gets beyond its own deadlines before it is terminated, in ms. */
const slack = 1_000;

export class Life {
  readonly #worker: Worker;
  readonly #data: LoopData;
  readonly #log: Log;
  readonly #ready = deferred();
  readonly #ended = deferred<GatewayError>();
  #deadline: NodeJS.Timeout | undefined;
  #fault: Error | undefined;

  static async begin(options: LifeOptions): Promise<Life> {
    const { data, resourceLimits } = options;
    const worker = await startThread(import.meta.url, './thread', {
      name: 'dualgate loop thread',
      data,
      apps: [data.source.url],
      ...(resourceLimits && { resourceLimits }),
    });
    return new Life(worker, options);
  }

  constructor(worker: Worker, { data, log }: LifeOptions) {
    this.#worker = worker;
    this.#data = data;
    this.#log = log;
    this.#ready.promise.catch(() => {}); // ready() hands it on
    worker.on('message', (message: ThreadToOwner) => this.#hear(message));
    worker.on('error', (error) => {
      this.#fault = error;
    });
    worker.on('exit', (code) => this.#exit(code));
  }

  /** Resolves when the thread is no more, with the reason. Never rejects. */
  get ended(): Promise<GatewayError> {
    return this.#ended.promise;
  }

  /** Resolves when the app has started; rejects, with the thread ended, where it does not. */
  async ready(): Promise<void> {
    const { source, startupTimeout } = this.#data;
    const why = `Cannot start "${source.shown}": it was not ready in ${startupTimeout * 2} ms`;
    const late = new GatewayError('TIMEOUT', why);
    const timer = setTimeout(() => this.#ready.reject(late), startupTimeout * 2);
    try {
      await this.#ready.promise;
    } catch (error) {
      await this.#worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    this.#worker.unref(); // like a pool, it lives as long as whoever uses it
  }

  connect(handle: MailboxHandle): void {
    this.#tell({ kind: 'caller', handle }, [handle.port]);
  }

  async close(grace: number, deserted: number): Promise<void> {
    this.#worker.ref();
    this.#tell({ kind: 'close', grace, deserted });
    this.#endBy(grace + slack);
    await this.ended;
    clearTimeout(this.#deadline);
  }

  /** Ends it at once, without a word to the app. */
  cut(): void {
    void this.#worker.terminate();
  }

  #tell(message: OwnerToThread, transfer: readonly TransferListItem[] = []): void {
    this.#worker.postMessage(message, transfer);
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
    const why = this.#fault
      ? `it threw ${this.#fault.name}: ${this.#fault.message}`
      : `its exit code is ${code}`;
    const message = `The loop thread of "${this.#data.source.shown}" ended: ${why}`;
    const error = new GatewayError('THREAD', message, { cause: this.#fault });
    this.#ready.reject(error);
    this.#ended.resolve(error);
  }

  /** A thread that spins hears nothing. */
  #endBy(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#log.error(
        `The loop thread of "${this.#data.source.shown}" did not end in time: it is terminated`,
      );
      void this.#worker.terminate();
    }, ms);
  }
}
