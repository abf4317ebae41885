// An async app out of a sync one: on this loop, or on threads of its own.
import type { AsyncApp, HttpScope, Receive, Send } from '../async/interface.ts';
import { asError, GatewayError } from '../core/errors.ts';
import { type AppRef, type AppSource, parseRef } from '../core/load.ts';
import { type Log, silent } from '../core/log.ts';
import type { Executor } from '../sync/call.ts';
import { Inline } from '../sync/inline.ts';
import { type Deployment, deploy, deploymentOf } from '../sync/deployment.ts';
import type { SyncApp } from '../sync/interface.ts';
import { type ThreadOptions, threadOptions } from '../sync/threads/options.ts';
import { Pool } from '../sync/threads/pool.ts';
import { CallLog } from './held-log.ts';
import { ScopeCall } from './scope-call.ts';

export interface InlineBridgeOptions {
  /** Bytes of a request body, which is read whole before the app is called; beyond them 413. */
  readonly maxBody?: number;
  /** ms that a call may hold the event loop at once before the log says so, afterwards; 0: never. 30 000. */
  readonly timeout?: number;
  readonly log?: Log;
  /** Headers with "_" in their names are taken too, where the server lets them through. */
  readonly underscores?: boolean;
  /** Variables of the deployer's for every environ; SyncServerOptions says more. */
  readonly environ?: Readonly<Record<string, string>>;
}

export interface PoolBridgeOptions extends ThreadOptions {
  /** How many calls can be inside the app at once; 4. */
  readonly threads?: number;
  /** Requests that lie ready beside those that run; 64. */
  readonly spare?: number;
  /** Requests that wait for a thread, those that lie ready included; one more is answered 503. 2048. */
  readonly backlog?: number;
  /** How long calls under way may go on when the app is disposed of, in ms: 10 000. lifespan.shutdown cuts them at once. */
  readonly grace?: number;
  readonly log?: Log;
  /** Headers with "_" in their names are taken too, where the server lets them through. */
  readonly underscores?: boolean;
  /** Variables of the deployer's for every environ; SyncServerOptions says more. */
  readonly environ?: Readonly<Record<string, string>>;
}

export type BridgedAsyncApp = AsyncApp & AsyncDisposable;

/**
 * Runs a sync app behind the async contract (ASGI, "WSGI Compatibility"): a function on this event loop, where nothing
 * else runs meanwhile; a reference (`'app.ts:app'`) on threads of its own, streaming both ways. The threads start with
 * lifespan.startup, or with the first request where the server has no lifespan, and end with lifespan.shutdown, or when
 * the app is disposed of. Throws GatewayError USAGE or APP_LOAD for a reference that names no file.
 */
export function syncToAsync(app: SyncApp, options?: InlineBridgeOptions): AsyncApp;
export function syncToAsync(source: AppSource | AppRef, options?: PoolBridgeOptions): BridgedAsyncApp;
export function syncToAsync(
  app: SyncApp | AppSource | AppRef,
  options: InlineBridgeOptions & PoolBridgeOptions = {},
): AsyncApp {
  const bridge = new Bridge((log) => executorFor(app, options, log), options);
  const bridged: AsyncApp = (scope, receive, send) => {
    // Each scope comes with its own receive; send refuses what does not suit it.
    switch (scope.type) {
      case 'http':
        return bridge.http(scope, receive as Receive<'http'>, send);
      case 'websocket':
        return refuse(receive as Receive<'websocket'>, send);
      case 'lifespan':
        return bridge.lifespan(receive as Receive<'lifespan'>, send);
      default:
        return scope satisfies never;
    }
  };
  return Object.assign(bridged, { [Symbol.asyncDispose]: () => bridge.close() });
}

function executorFor(
  app: SyncApp | AppSource | AppRef,
  options: InlineBridgeOptions & PoolBridgeOptions,
  log: Log,
): Executor {
  const { maxBody, threads = 4, spare, backlog, timeout } = options;
  if (typeof app === 'function') {
    const limits = { ...(maxBody !== undefined && { maxBody }), ...(timeout !== undefined && { timeout }) };
    return new Inline(app, { log, ...limits });
  }
  return new Pool(typeof app === 'string' ? parseRef(app) : app, {
    threads,
    log,
    ...threadOptions(options),
    ...(spare !== undefined && { spare }),
    ...(backlog !== undefined && { backlog }),
  });
}

/** One bridged app: its executor, and who uses it. */
class Bridge {
  readonly #log: CallLog;
  readonly #make: () => Executor;
  readonly #grace: number;
  readonly #underscores: boolean;
  readonly #deployment: Deployment | null;
  #executor: Executor | null = null;
  #started: Promise<Executor> | null = null;
  /** Lifespans that are up: the last one to shut down ends the threads. */
  #lifespans = 0;
  #over = false;

  constructor(make: (log: Log) => Executor, options: PoolBridgeOptions) {
    const { log = silent, grace = 10_000, underscores = false, environ = {} } = options;
    this.#log = new CallLog(log);
    this.#grace = grace;
    this.#underscores = underscores;
    this.#deployment = deploymentOf({ environ });
    this.#make = () => make(this.#log);
    this.#executor = this.#make(); // a wrong app is refused here
  }

  async http(scope: HttpScope, receive: Receive<'http'>, send: Send): Promise<void> {
    if (this.#over)
      throw new GatewayError('CLOSED', 'Cannot call the sync app: its threads have been shut down');
    const executor = await this.#start();
    const call = new ScopeCall(scope, receive, send, this.#underscores);
    if (this.#deployment) deploy(call.environ, this.#deployment);
    const held = this.#log.hold(call.id);
    try {
      await Promise.race([executor.run(call), call.failed]);
      await call.settle(held);
    } finally {
      this.#log.letGo(call.id);
    }
  }

  async lifespan(receive: Receive<'lifespan'>, send: Send): Promise<void> {
    for (;;) {
      const { type } = await receive();
      if (type === 'lifespan.startup') {
        this.#over = false;
        this.#lifespans += 1;
        try {
          await this.#start();
        } catch (error) {
          this.#lifespans -= 1;
          return send({ type: 'lifespan.startup.failed', message: asError(error).message });
        }
        await send({ type: 'lifespan.startup.complete' });
      } else if (type === 'lifespan.shutdown') {
        this.#lifespans -= 1;
        // The server has drained, or has cut what was left: nobody waits for these calls.
        if (this.#lifespans === 0) await this.close(0);
        return send({ type: 'lifespan.shutdown.complete' });
      }
    }
  }

  async close(grace: number = this.#grace): Promise<void> {
    this.#over = true;
    const executor = this.#executor;
    this.#executor = null;
    this.#started = null;
    await executor?.close(grace);
  }

  /** Once, and again after a shutdown: an executor that was closed stays closed. */
  #start(): Promise<Executor> {
    this.#started ??= this.#up();
    return this.#started;
  }

  async #up(): Promise<Executor> {
    this.#executor ??= this.#make();
    const executor = this.#executor;
    await executor.start();
    return executor;
  }
}

/** Before it is accepted: the client is answered 403. */
async function refuse(receive: Receive<'websocket'>, send: Send): Promise<void> {
  await receive();
  await send({ type: 'websocket.close' });
}
