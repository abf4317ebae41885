// Outside: owns a loop thread, on which an async app serves callers that block; one that dies is started again.
import {
  MessageChannel,
  type MessagePort,
  type ResourceLimits,
  type TransferListItem,
} from 'node:worker_threads';

import { GatewayError } from '../../core/errors.ts';
import type { AppSource } from '../../core/load.ts';
import { type Log, silent } from '../../core/log.ts';
import { type MailboxHandle, mailboxPair } from '../../core/mailbox.ts';
import { Life, type LifeOptions } from './life.ts';
import type { CallerGiven } from './messages.ts';

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
  /** How long close() lets calls finish that have heard http.disconnect, in ms: 5 000, or 500 where all callers have ended. */
  readonly grace?: number;
  /** A thread whose heap grows beyond them dies, and its calls with it; Node's own limits by default. */
  readonly resourceLimits?: ResourceLimits;
}

const minute = 60_000;
const defaultGrace = 5_000;
/** For calls that nobody waits for any more: time enough to hear of it. */
const moment = 500;
/** ms before a thread that died is started again: doubled for each one that died so soon. */
const firstDelay = 100;
const maxDelay = 5_000;
const shortLife = 5_000;

/** One loop thread: it loads the app, runs its lifespan once (B-08), and serves many callers at a time. */
export class LoopThread implements AsyncDisposable {
  readonly #options: LifeOptions;
  readonly #log: Log;
  readonly #timeout: number;
  readonly #grace: number | undefined;
  /** Where each caller hears of its new connection: once a restart. */
  readonly #lobbies = new Set<MessagePort>();
  /** Callers' far ends that wait for the first thread. */
  #waiting: MailboxHandle[] = [];
  #life: Life | null = null;
  /** It was started, or could not be: a caller has no connection where there is no life. */
  #begun = false;
  #starting: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  /** The next attempt, and the one under way. */
  #again: NodeJS.Timeout | undefined;
  #restarting: Promise<void> | null = null;
  #attempt: Life | null = null;

  constructor(source: AppSource, options: LoopOptions = {}) {
    const { log = silent, lifespan = 'auto', timeout = 2 * minute, grace, resourceLimits } = options;
    const { startupTimeout = minute, shutdownTimeout = minute } = options;
    this.#log = log;
    this.#timeout = timeout;
    this.#grace = grace;
    this.#options = { data: { source, lifespan, startupTimeout, shutdownTimeout }, log, resourceLimits };
  }

  /**
   * Resolves when the app is loaded and has started. Rejects with GatewayError APP_LOAD, APP_START, TIMEOUT, CLOSED, or
   * THREAD where the thread ended meanwhile. A thread that ends later is started again, after 100 ms and up to 5 s, with
   * the app's lifespan: until then each call throws GatewayError THREAD. Safe to call twice.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** A new caller's connection, to be given to one thread: what bridge/loop/caller.ts makes a sync app of. */
  caller(): { value: CallerGiven; transfer: readonly TransferListItem[] } {
    const [near, far] = mailboxPair();
    const { port1: lobby, port2: theirs } = new MessageChannel();
    this.#lobbies.add(lobby);
    lobby.on('close', () => this.#lobbies.delete(lobby));
    if (this.#closing) lobby.close();
    if (this.#life && !this.#closing) this.#life.connect(far);
    else if (this.#begun || this.#closing) far.port.close();
    else this.#waiting.push(far);
    const value = { ...near, lobby: theirs, timeout: this.#timeout };
    return { value, transfer: [near.port, theirs] };
  }

  /**
   * Calls under way hear http.disconnect and get `grace` ms; then the app is shut down, and the thread ends. Callers that
   * still wait throw GatewayError THREAD. Without `grace`, it is that of the options. Never rejects; safe to call twice.
   */
  close(grace: number | undefined = this.#grace): Promise<void> {
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    if (this.#closing) throw new GatewayError('CLOSED', 'Cannot start the loop thread: it was closed');
    const life = await this.#first();
    this.#watch(life, 0);
  }

  async #first(): Promise<Life> {
    try {
      const life = await Life.begin(this.#options);
      this.#life = life;
      for (const far of this.#waiting.splice(0)) life.connect(far);
      await life.ready();
      return life;
    } catch (error) {
      this.#life = null;
      for (const far of this.#waiting.splice(0)) far.port.close();
      throw error;
    } finally {
      this.#begun = true;
    }
  }

  /** `strikes` of its predecessors in a row died soon. */
  #watch(life: Life, strikes: number): void {
    const began = performance.now();
    void life.ended.then((error) => {
      this.#life = null;
      if (this.#closing) return;
      this.#log.error('The loop thread ended, and every call on it: the async app is started again', {
        error,
      });
      this.#later(performance.now() - began < shortLife ? strikes : 0);
    });
  }

  #later(strikes: number): void {
    const delay = Math.min(firstDelay * 2 ** strikes, maxDelay);
    this.#again = setTimeout(() => {
      this.#restarting = this.#restart(strikes + 1);
    }, delay);
    this.#again.unref(); // as the thread itself
  }

  async #restart(strikes: number): Promise<void> {
    try {
      const life = await Life.begin(this.#options);
      this.#attempt = life;
      if (this.#closing) life.cut();
      await life.ready();
      this.#life = life;
      this.#watch(life, strikes);
      this.#reconnect(life);
      this.#log.info('The loop thread runs again: the async app has started');
    } catch (error) {
      if (this.#closing) return;
      this.#log.error('The loop thread cannot be started again: it is tried later', { error });
      this.#later(strikes);
    } finally {
      this.#attempt = null;
    }
  }

  #reconnect(life: Life): void {
    for (const lobby of this.#lobbies) {
      const [near, far] = mailboxPair();
      lobby.postMessage(near, [near.port]);
      life.connect(far);
    }
  }

  async #close(grace: number | undefined): Promise<void> {
    clearTimeout(this.#again);
    this.#attempt?.cut();
    for (const far of this.#waiting.splice(0)) far.port.close();
    await this.#starting?.catch(() => {}); // whoever started it has heard of it
    await this.#restarting;
    await this.#life?.close(grace ?? defaultGrace, grace ?? moment);
    for (const lobby of this.#lobbies) lobby.close();
  }
}
