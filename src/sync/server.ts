// A sync app behind a listener: exchanges become calls, and an executor runs them.
import type { TransferListItem } from 'node:worker_threads';

import { settled } from '../core/deferred.ts';
import { GatewayError } from '../core/errors.ts';
import { type AppRef, type AppSource, parseRef } from '../core/load.ts';
import { createLog, type Log } from '../core/log.ts';
import { type Bind, parseBind, urlOf } from '../http/bind.ts';
import type { DoorwayOptions } from '../http/doorway.ts';
import { type Engine, type Listening, listenerFor } from '../http/engine.ts';
import type { Bound, Exchange, Piece } from '../http/exchange.ts';
import type { ForwardedOptions } from '../http/forwarded.ts';
import type { Limits } from '../http/limits.ts';
import type { Newcomer } from '../http/ticket.ts';
import type { Call, Executor } from './call.ts';
import { type DeploymentOptions, deploymentOf } from './deployment.ts';
import { type EnvironOptions, environOf } from './environ.ts';
import { Inline, type InlineOptions } from './inline.ts';
import type { EnvironData, ResponseHeaders, StatusLine, SyncApp } from './interface.ts';
import { loadSyncApp } from './loaded.ts';
import type { Head } from './response-head.ts';
import { type ThreadOptions, threadOptions } from './threads/options.ts';
import { Pool } from './threads/pool.ts';

export interface SyncServerOptions extends DoorwayOptions, ThreadOptions, DeploymentOptions {
  /** Threads that the app may block; 0: it runs on the event loop, and nothing else does meanwhile. 4 for a reference, 0 for a function. */
  readonly threads?: number;
  /** Requests that lie ready beside those that run; 64. */
  readonly spare?: number;
  /** Requests that wait for a thread, those that lie ready included; one more is answered 503. 2048. */
  readonly backlog?: number;
  /**
   * Off: a thread is claimed when a connection is accepted, and waits for its client; one request a connection. Threads
   * and our own engine only. On.
   */
  readonly buffer?: boolean;
  /** Bytes of a request body; beyond them 413. */
  readonly maxBody?: number;
  readonly limits?: Partial<Limits>;
  /** Our own by default; `node` is node:http. */
  readonly engine?: Engine;
  /** Which proxies may speak for their clients; none by default. */
  readonly forwarded?: ForwardedOptions;
  /** Warnings and errors to standard error by default. */
  readonly log?: Log;
  /** ms that running requests get when the server closes; 10 000. */
  readonly grace?: number;
  /** Made once a thread: what the app's factory is called with. */
  readonly argument?: () => { value: unknown; transfer: readonly TransferListItem[] };
  /** What environ['dualgate.lane'] says, instead of `loop` or `thread 1`. */
  readonly lane?: string;
}

/**
 * Serves a sync app: a function on this thread's event loop, a reference (`'app.ts:app'`) on threads. Throws GatewayError
 * USAGE for a function with threads (it cannot be sent there) and for `buffer: false` without threads or on another engine,
 * APP_LOAD for a reference that names no file.
 */
export class SyncServer implements AsyncDisposable {
  readonly #executor: Executor;
  readonly #listener: Listening;
  readonly #grace: number;
  #closed: Promise<void> | null = null;

  constructor(app: SyncApp | AppSource | AppRef, options: SyncServerOptions = {}) {
    const { limits, maxBody, log = createLog({ level: 'warn' }), grace = 10_000 } = options;
    const { tls, proxyProtocol, forwarded, engine = 'own', buffer = true } = options;
    const given: EnvironOptions = {
      underscores: limits?.underscores === 'allow',
      deployment: deploymentOf(options),
    };
    this.#grace = grace;
    this.#executor = executorFor(app, { ...options, log, given });
    const pool = buffer ? null : unbuffered(this.#executor, engine);
    this.#listener = listenerFor(engine, {
      handler: (exchange) => serve(this.#executor, new ExchangeCall(exchange, given)),
      // A thread was claimed for a connection's first request: there is no other.
      limits: { ...limits, ...(maxBody !== undefined && { maxBody }), ...(pool && { maxRequests: 1 }) },
      log,
      tls,
      proxyProtocol,
      forwarded,
      upgrades: false, // a sync app has no WebSocket: each request is a plain one
      ...(pool && { arrived: (newcomer: Newcomer) => pool.reserve(newcomer) }),
    });
  }

  /** Loads the app first, so that a server that listens is one that answers. Rejects with APP_LOAD, APP_KIND or LISTEN. */
  async listen(bind: Bind | string): Promise<{ url: string; bound: Bound }> {
    if (this.#closed) throw new GatewayError('CLOSED', 'The server was closed: make a new one');
    const place = typeof bind === 'string' ? parseBind(bind) : bind;
    await this.#executor.start();
    try {
      const bound = await this.#listener.listen(place);
      return { url: urlOf(bound, this.#listener.secure), bound };
    } catch (error) {
      await this.close(0);
      throw error;
    }
  }

  /** Reads the certificates again, for new connections. Throws GatewayError TLS where they cannot be used: then all stays. */
  reloadTls(): void {
    this.#listener.reloadTls();
  }

  /** Stops accepting, lets running requests finish for `grace` ms, then cuts them. Safe to call twice. */
  async close(grace: number = this.#grace): Promise<void> {
    this.#closed ??= this.#end(grace);
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(grace: number): Promise<void> {
    await this.#listener.close(grace);
    // Its connections are gone, and with them whoever could wait for an answer.
    await this.#executor.close(0);
  }
}

function serve(executor: Executor, call: Call): Promise<void> | null {
  return executor.serve ? executor.serve(call) : executor.run(call);
}

interface Given {
  readonly log: Log;
  readonly given: EnvironOptions;
}

function executorFor(app: SyncApp | AppSource | AppRef, options: SyncServerOptions & Given): Executor {
  const { threads, spare, backlog, log, argument, lane, timeout, given } = options;
  const named = { ...(lane !== undefined && { lane }), ...(timeout !== undefined && { timeout }) };
  if (typeof app === 'function') {
    if (threads) {
      throw new GatewayError(
        'USAGE',
        `A function runs on the thread where it is: give "app.ts:app" to serve it on ${threads} threads`,
      );
    }
    return new Inline(app, { log, ...named });
  }
  const source = typeof app === 'string' ? parseRef(app) : app;
  if (threads === 0) return new LoadedInline(source, { log, ...named }, argument);
  return new Pool(source, {
    threads: threads ?? 4,
    log,
    environ: given,
    ...threadOptions(options),
    ...(lane !== undefined && { lane }),
    ...(spare !== undefined && { spare }),
    ...(backlog !== undefined && { backlog }),
    ...(argument && { argument }),
  });
}

/** Throws GatewayError USAGE where no thread can be claimed for a connection. */
function unbuffered(executor: Executor, engine: Engine): Pool {
  const cannot = 'Cannot switch the buffer off';
  if (!(executor instanceof Pool)) {
    const why =
      'the app is on the event loop, which nobody may hold; give it threads, or leave the buffer on';
    throw new GatewayError('USAGE', `${cannot}: ${why}`);
  }
  if (engine === 'own') return executor;
  const why =
    'only our own engine claims a thread for each connection; leave the engine at "own", or the buffer on';
  throw new GatewayError('USAGE', `${cannot}: ${why}`);
}

/** Inline, for an app that is loaded when the server starts. */
class LoadedInline implements Executor {
  readonly multithread = false;
  readonly #load: () => Promise<Inline>;
  #inline: Inline | null = null;

  constructor(
    source: AppSource,
    options: InlineOptions & { log: Log },
    argument: SyncServerOptions['argument'],
  ) {
    this.#load = async () => new Inline(await loadSyncApp(source, argument?.().value), options);
  }

  async start(): Promise<void> {
    this.#inline = await this.#load();
  }

  run(call: Call): Promise<void> {
    if (this.#inline) return this.#inline.run(call);
    call.fail(new GatewayError('CLOSED', 'The app is not loaded: start the server first'));
    return settled;
  }

  async close(grace?: number): Promise<void> {
    await this.#inline?.close(grace);
  }
}

/** An exchange as a call. Any upgrade that the client asks for is left aside: it is a plain request. */
class ExchangeCall implements Call {
  readonly exchange: Exchange;
  readonly #given: EnvironOptions;
  #environ: EnvironData | null = null;

  constructor(exchange: Exchange, given: EnvironOptions) {
    this.exchange = exchange;
    this.#given = given;
  }

  get id(): string {
    return this.exchange.id;
  }

  get length(): number | null {
    return this.exchange.length;
  }

  /** Made when it is asked for: a thread makes its own. */
  get environ(): EnvironData {
    this.#environ ??= environOf(this.exchange, this.#given);
    return this.#environ;
  }

  get informs(): boolean {
    return this.exchange.head.version !== '1.0';
  }

  inform(headers: ResponseHeaders): void {
    this.exchange.inform(103, headers);
  }

  read(): Promise<Piece> {
    return this.exchange.read();
  }

  start(status: StatusLine, headers: ResponseHeaders): void {
    this.exchange.start({ status: Number(status.slice(0, 3)), reason: status.slice(4), headers });
  }

  whole(head: Head, chunk: Uint8Array): Promise<void> {
    this.exchange.start(head.checked);
    return this.exchange.finish(chunk);
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.exchange.write(chunk);
  }

  flush(): void {
    this.exchange.flush();
  }

  end(): Promise<void> {
    return this.exchange.end();
  }

  fail(why: GatewayError): void {
    this.exchange.fail(why);
  }

  get gone(): AbortSignal {
    return this.exchange.gone;
  }
}
