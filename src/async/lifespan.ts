// Startup and shutdown: one call of an async app for the life of a process.
import { asError, GatewayError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { Queue } from '../core/queue.ts';
import { seen } from './failure.ts';
import type { AsyncApp, LifespanScope, ReceiveEvent, Send, SendEvent, State } from './interface.ts';
import { follow, lifespan, type Order } from './order.ts';

/** `auto`: an app that throws on the scope, or returns from it, is served without one; `on`: it does not start; `off`: never called. */
export type LifespanMode = 'auto' | 'on' | 'off';

export interface LifespanOptions {
  mode?: LifespanMode;
  log?: Log;
  /** How long the app may take to start, in ms: 60 000 by default. */
  startupTimeout?: number;
  /** How long it may take to shut down, in ms: 60 000 by default; then it is left behind. */
  shutdownTimeout?: number;
}

const minute = 60_000;

export class Lifespan {
  readonly #app: AsyncApp;
  readonly #mode: LifespanMode;
  readonly #log: Log;
  readonly #startupTimeout: number;
  readonly #shutdownTimeout: number;
  readonly #order: Order<'lifespan', 'starting' | 'started' | 'stopping' | 'done'> = follow(
    lifespan,
    'starting',
  );
  readonly #events = new Queue<ReceiveEvent<'lifespan'>>({ items: 2 });
  readonly #state: State = {};
  /** The startup has reached the app, so that what it throws is about its own work. */
  #heard = false;
  /** What the app said of its failure. */
  #failure: string | null = null;
  /** Something has happened: an event of the app, or its end. */
  #changed: () => void = () => {};
  /** The app's call; resolves with what it threw, or undefined. */
  #call: Promise<Error | undefined> | null = null;
  #over = false;
  #starting: Promise<State> | null = null;
  #stopping: Promise<void> | null = null;

  constructor(
    app: AsyncApp,
    { mode = 'auto', log = silent, startupTimeout = minute, shutdownTimeout = minute }: LifespanOptions = {},
  ) {
    this.#app = app;
    this.#mode = mode;
    this.#log = log;
    this.#startupTimeout = startupTimeout;
    this.#shutdownTimeout = shutdownTimeout;
  }

  /**
   * Calls the app with a lifespan scope. Resolves with the state of which each scope gets a shallow copy: when the app has
   * started, or is served without a lifespan. Rejects with GatewayError APP_START where the app says that it failed, takes
   * too long, or (mode `on`) does not speak lifespan. Safe to call twice.
   */
  startup(): Promise<State> {
    this.#starting ??= this.#startup();
    return this.#starting;
  }

  /**
   * Sends lifespan.shutdown and waits for the app's answer, at most `shutdownTimeout` ms. Never rejects: what goes wrong is
   * logged, for there is nobody left to refuse to. Does nothing where no app has started. Safe to call twice.
   */
  shutdown(): Promise<void> {
    this.#stopping ??= this.#shutdown();
    return this.#stopping;
  }

  async #startup(): Promise<State> {
    if (this.#mode === 'off') {
      this.#over = true;
      return this.#state;
    }
    this.#events.push({ type: 'lifespan.startup' });
    this.#call = this.#run();
    const inTime = await this.#until(
      () => this.#order.state !== 'starting' || this.#over,
      this.#startupTimeout,
    );
    if (!inTime)
      throw this.#refusal(`it has not sent lifespan.startup.complete within ${this.#startupTimeout} ms`);
    if (this.#failure !== null)
      throw this.#refusal(this.#failure || 'it sent lifespan.startup.failed without a message');
    if (this.#order.state === 'starting') this.#without(await this.#call);
    return this.#state;
  }

  /** The app threw on the scope, or returned from it, before it said that it has started. */
  #without(error: Error | undefined): void {
    this.#order.enter('done');
    const why = error?.message ?? 'it returned without lifespan.startup.complete';
    if (this.#mode === 'on') throw this.#refusal(why, error);
    if (error && this.#heard)
      this.#log.warn('The app threw in its lifespan.startup: it is served without a lifespan', { error });
    else this.#log.debug(`The app has no lifespan: ${why}`);
  }

  #refusal(why: string, cause?: Error): GatewayError {
    this.#order.enter('done');
    return new GatewayError('APP_START', `The app did not start: ${why}`, cause ? { cause } : undefined);
  }

  async #shutdown(): Promise<void> {
    await this.#starting?.catch(() => {}); // whoever started it has heard of it
    if (this.#order.state !== 'started' || this.#over) return;
    this.#order.enter('stopping');
    this.#events.push({ type: 'lifespan.shutdown' });
    const inTime = await this.#until(() => this.#answered() || this.#over, this.#shutdownTimeout);
    if (!inTime)
      this.#log.error(
        `The app has not sent lifespan.shutdown.complete within ${this.#shutdownTimeout} ms: it is left behind`,
      );
    else if (this.#failure !== null)
      this.#log.error(`The app failed to shut down: ${this.#failure || '(no message)'}`);
    else if (!this.#answered() && !(await this.#call))
      this.#log.warn('The app returned from its lifespan without lifespan.shutdown.complete');
  }

  #answered(): boolean {
    return this.#order.state === 'done';
  }

  /** Never rejects: an error is what it resolves with, and is logged here where it comes late. */
  async #run(): Promise<Error | undefined> {
    const scope: LifespanScope = {
      type: 'lifespan',
      asgi: { version: '3.0', spec_version: '2.0' },
      state: this.#state,
    };
    let error: Error | undefined;
    try {
      // Order refuses what does not suit the scope.
      await this.#app(scope, this.#receive, this.#send as Send);
    } catch (thrown) {
      error = asError(thrown);
    }
    if (error && this.#order.state !== 'starting' && this.#failure === null)
      this.#log.error('The app threw in its lifespan', { error });
    this.#over = true;
    this.#changed();
    return error;
  }

  /** After the shutdown nothing more comes: a further receive waits for as long as the process lives. */
  readonly #receive = async (): Promise<ReceiveEvent<'lifespan'>> => {
    const event = await this.#events.take();
    this.#heard = true;
    if (!event) throw new GatewayError('CLOSED', 'The lifespan is over');
    return event;
  };

  readonly #send = (event: SendEvent<'lifespan'>): Promise<void> => seen(this.#take(event));

  async #take(event: SendEvent<'lifespan'>): Promise<void> {
    if (!this.#order.take(event)) return;
    if (event.type === 'lifespan.startup.failed' || event.type === 'lifespan.shutdown.failed')
      this.#failure = event.message ?? '';
    this.#changed();
  }

  /** Waits until the condition holds: false where it did not within `timeout` ms. */
  #until(holds: () => boolean, timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(false), timeout);
      const finish = (answer: boolean): void => {
        clearTimeout(timer);
        this.#changed = () => {};
        resolve(answer);
      };
      this.#changed = () => {
        if (holds()) finish(true);
      };
      this.#changed();
    });
  }
}
