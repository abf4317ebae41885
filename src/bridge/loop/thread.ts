// Inside the loop thread: an event loop, one async app with its lifespan, and the calls of those who block on it.
import { parentPort } from 'node:worker_threads';

import { runHttp } from '../../async/http.ts';
import type { AsyncApp, HttpScope, State } from '../../async/interface.ts';
import { Lifespan } from '../../async/lifespan.ts';
import { asError, Disconnected, GatewayError, HttpError } from '../../core/errors.ts';
import { carry } from '../../core/failure.ts';
import { loadApp } from '../../core/load.ts';
import type { Fields, Log } from '../../core/log.ts';
import { Mailbox, type MailboxHandle } from '../../core/mailbox.ts';
import { threadData } from '../../core/spawn.ts';
import { writeAtOnce } from '../../core/stdio.ts';
import { HeldLog } from '../held-log.ts';
import type { ScopeData } from '../scope-from-environ.ts';
import { LoopExchange } from './exchange.ts';
import type { CallerToThread, LoopData, OwnerToThread, ThreadToCaller, ThreadToOwner } from './messages.ts';

type Line = Mailbox<CallerToThread, ThreadToCaller>;

const owner = parentPort;
if (!owner) throw new GatewayError('THREAD', 'Cannot run bridge/loop/thread by itself: LoopThread starts it');

function tell(message: ThreadToOwner): void {
  owner?.postMessage(message);
}

/** The owner's log, from here. An error crosses as plain data. */
const log: Log = {
  level: 'debug',
  debug: logAt('debug'),
  info: logAt('info'),
  warn: logAt('warn'),
  error: logAt('error'),
};

function logAt(level: 'debug' | 'info' | 'warn' | 'error') {
  return (message: string, { error, ...fields }: Fields = {}): void =>
    tell({ kind: 'log', level, message, ...(error !== undefined && { error: carry(error) }), fields });
}

/** Serves the calls of all callers. */
class Loop {
  readonly #app: AsyncApp;
  readonly #state: State;
  readonly #lines = new Set<Line>();
  readonly #calls = new Map<Line, Map<number, LoopExchange>>();
  readonly #running = new Set<Promise<void>>();
  #deserted: () => void = () => {};

  constructor(app: AsyncApp, state: State) {
    this.#app = app;
    this.#state = state;
  }

  connect(handle: MailboxHandle): void {
    const line: Line = new Mailbox(handle);
    const calls = new Map<number, LoopExchange>();
    this.#lines.add(line);
    this.#calls.set(line, calls);
    line.on(
      (message) => {
        if (message.kind === 'open') this.#open(line, calls, message);
        else calls.get(message.id)?.hear(message);
      },
      () => {
        this.#lines.delete(line);
        this.#calls.delete(line);
        for (const call of calls.values()) call.leave();
        if (this.#lines.size === 0) this.#deserted();
      },
    );
  }

  /**
   * Every call hears that its client is gone. Resolves when the apps have returned, after `grace` ms, or `deserted` ms
   * after the last caller has ended.
   */
  async leave(grace: number, deserted: number): Promise<void> {
    for (const calls of this.#calls.values()) for (const call of calls.values()) call.leave();
    const timers: NodeJS.Timeout[] = [];
    const late = new Promise<void>((resolve) => {
      timers.push(setTimeout(resolve, grace));
      this.#deserted = () => timers.push(setTimeout(resolve, deserted));
    });
    if (this.#lines.size === 0) this.#deserted();
    await Promise.race([Promise.all(this.#running), late]);
    timers.forEach(clearTimeout);
  }

  /** Wakes every caller that still waits. */
  hangUp(): void {
    for (const line of this.#lines) line.close();
  }

  #open(
    line: Line,
    calls: Map<number, LoopExchange>,
    { id, scope, request }: Extract<CallerToThread, { kind: 'open' }>,
  ): void {
    const exchange = new LoopExchange(id, request, scope, (message) => line.post(message));
    calls.set(id, exchange);
    const run = this.#serve(exchange, scope)
      .then((error) => {
        if (error) line.post({ id, kind: 'failed', error: carry(error) });
      })
      .finally(() => {
        calls.delete(id);
        this.#running.delete(run);
      });
    this.#running.add(run);
  }

  /** Resolves with the error that the caller is to throw, and to log. */
  async #serve(exchange: LoopExchange, scope: ScopeData): Promise<unknown> {
    const held = new HeldLog(log);
    try {
      await runHttp(this.#app, this.#scopeOf(exchange, scope), exchange, held);
    } catch (thrown) {
      if (!exchange.gone.aborted) {
        exchange.abort();
        return thrown instanceof HttpError && thrown.status === 500 ? (thrown.cause ?? thrown) : thrown;
      }
      if (thrown instanceof Disconnected) return undefined;
    }
    held.release();
    return undefined;
  }

  #scopeOf(exchange: LoopExchange, data: ScopeData): HttpScope {
    return {
      ...data,
      asgi: { version: '3.0', spec_version: '2.5' },
      state: { ...this.#state },
      extensions: {
        'dualgate.lane': { name: 'loop thread' },
        'dualgate.request': { id: exchange.id },
        'dualgate.disconnect': {
          get signal(): AbortSignal {
            return exchange.gone;
          },
        },
      },
    };
  }
}

/**
 * What the app throws outside of any call (a timer, a promise that nobody awaits) is logged with its stack, and the thread
 * lives on, as the server does that has the app on its own loop: other calls have no part in it.
 */
function surviveErrors(): void {
  process.on('uncaughtException', (thrown: unknown, origin) => {
    const error = asError(thrown);
    if (error instanceof Disconnected)
      log.debug('A send that nobody awaited met a closed connection', { error });
    else if (origin === 'unhandledRejection')
      log.error('A promise was rejected on the loop thread, and nobody handles it', { error });
    else log.error('An error was thrown on the loop thread, outside of any call', { error });
  });
}

/** Calls that came before the app was ready wait in their mailboxes. */
async function main(data: LoopData): Promise<void> {
  writeAtOnce(); // the owner, through whom a thread's streams go, may be blocked on this thread
  surviveErrors();
  const waiting: MailboxHandle[] = [];
  let connect = (handle: MailboxHandle): void => void waiting.push(handle);
  let closing: (grace: number, deserted: number) => Promise<void> = async () => {};
  owner?.on('message', (message: OwnerToThread) => {
    if (message.kind === 'caller') connect(message.handle);
    else void closing(message.grace, message.deserted).finally(() => process.exit(0));
  });

  // Whether it is an async app shows when it is called: loadApp has seen a function.
  const app = (await loadApp(data.source)) as unknown as AsyncApp;
  const { lifespan: mode, startupTimeout, shutdownTimeout } = data;
  const lifespan = new Lifespan(app, { mode, log, startupTimeout, shutdownTimeout });
  const loop = new Loop(app, await lifespan.startup());
  process.on('exit', () => loop.hangUp());
  connect = (handle) => loop.connect(handle);
  waiting.forEach(connect);
  closing = async (grace, deserted) => {
    await loop.leave(grace, deserted);
    tell({ kind: 'leaving' });
    await lifespan.shutdown();
  };
  tell({ kind: 'ready' });
}

// startThread() was given LoopData by LoopThread.
main(threadData() as LoopData).catch((error: unknown) => {
  tell({ kind: 'failed', error: carry(error) });
  owner.unref();
});
