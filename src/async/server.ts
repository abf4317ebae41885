// The async server: a listener, scopes, and one async app on this process's event loop.
import { GatewayError, HttpError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { publish, type TraceEvent, traced } from '../core/trace.ts';
import { type Bind, parseBind, urlOf } from '../http/bind.ts';
import type { DoorwayOptions } from '../http/doorway.ts';
import { type Engine, type Listening, listenerFor } from '../http/engine.ts';
import type { Bound, Exchange } from '../http/exchange.ts';
import type { ForwardedOptions } from '../http/forwarded.ts';
import type { Limits } from '../http/limits.ts';
import { asksForWebSocket, upgradeFault, type WebSocketOptions } from '../http/websocket.ts';
import { runHttp } from './http.ts';
import type { AsyncApp, State } from './interface.ts';
import { Lifespan, type LifespanMode } from './lifespan.ts';
import { httpScope, webSocketScope } from './scope.ts';
import { WebSocketSession } from './websocket.ts';

export interface AsyncServerOptions extends DoorwayOptions {
  /** `auto` by default. */
  lifespan?: LifespanMode;
  limits?: Partial<Limits>;
  /** Our own by default; `node` is node:http. */
  engine?: Engine;
  /** Which proxies may speak for their clients; none by default. */
  forwarded?: ForwardedOptions;
  /** Silent by default. */
  log?: Log;
  /** How long close() lets running requests finish, in ms: 10 000 by default. */
  grace?: number;
  /** In ms: 60 000 by default. */
  startupTimeout?: number;
  /** In ms: 60 000 by default. */
  shutdownTimeout?: number;
  websocket?: WebSocketOptions;
}

const lane = 'loop';

export class AsyncServer implements AsyncDisposable {
  readonly #app: AsyncApp;
  readonly #log: Log;
  readonly #grace: number;
  readonly #websocket: WebSocketOptions;
  readonly #listener: Listening;
  readonly #lifespan: Lifespan;
  readonly #sessions = new Set<{ session: WebSocketSession; run: Promise<void> }>();
  #state: State = {};
  #listening = 0;
  #closing: Promise<void> | null = null;

  constructor(app: AsyncApp, options: AsyncServerOptions = {}) {
    const { log = silent, grace = 10_000, limits = {}, startupTimeout, shutdownTimeout } = options;
    this.#app = app;
    this.#log = log;
    this.#grace = grace;
    this.#websocket = options.websocket ?? {};
    const { tls, proxyProtocol, forwarded } = options;
    const handler = (exchange: Exchange): Promise<void> => this.#handle(exchange);
    this.#listener = listenerFor(options.engine ?? 'own', {
      handler,
      limits,
      log,
      tls,
      proxyProtocol,
      forwarded,
    });
    this.#lifespan = new Lifespan(app, {
      mode: options.lifespan ?? 'auto',
      log,
      ...(startupTimeout !== undefined && { startupTimeout }),
      ...(shutdownTimeout !== undefined && { shutdownTimeout }),
    });
  }

  /**
   * Starts the app (lifespan), then listens: `127.0.0.1:8000`, `:0` for a free port, `unix:/path`. May be called again for
   * a further address. Rejects with GatewayError APP_START, LISTEN, USAGE (an address that is none) or CLOSED; where
   * nothing listens then, the app has been shut down again.
   */
  async listen(bind: Bind | string): Promise<{ url: string; bound: Bound }> {
    if (this.#closing) throw new GatewayError('CLOSED', 'Cannot listen: the server was closed');
    const address = typeof bind === 'string' ? parseBind(bind) : bind;
    this.#state = await this.#lifespan.startup();
    try {
      const bound = await this.#listener.listen(address);
      this.#listening++;
      return { url: urlOf(bound, this.#listener.secure), bound };
    } catch (error) {
      if (this.#listening === 0) await this.close(0);
      throw error;
    }
  }

  /** Reads the certificates again, for new connections. Throws GatewayError TLS where they cannot be used: then all stays. */
  reloadTls(): void {
    this.#listener.reloadTls();
  }

  /**
   * Stops accepting; lets requests finish for `grace` ms, then cuts them; closes WebSockets with 1012; then shuts the app
   * down (lifespan). Never rejects for what the app does. Safe to call twice.
   */
  close(grace: number = this.#grace): Promise<void> {
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(grace: number): Promise<void> {
    const closed = this.#listener.close(grace);
    const sessions = [...this.#sessions];
    for (const { session } of sessions) session.stop();
    const cut = setTimeout(() => {
      for (const { session } of this.#sessions) session.abort();
    }, grace);
    try {
      await Promise.all([closed, within(grace, Promise.allSettled(sessions.map(({ run }) => run)))]);
    } finally {
      clearTimeout(cut);
    }
    for (const { session } of this.#sessions) session.abort();
    if (this.#sessions.size > 0)
      this.#log.warn(`${this.#sessions.size} apps have not left their WebSockets within ${grace} ms`);
    await this.#lifespan.shutdown();
  }

  #handle(exchange: Exchange): Promise<void> {
    if (traced() || asksForWebSocket(exchange.head)) return this.#handleInSteps(exchange);
    return this.#serveHttp(exchange);
  }

  #serveHttp(exchange: Exchange): Promise<void> {
    return runHttp(this.#app, httpScope(exchange, { state: this.#state, lane }), exchange, this.#log);
  }

  async #handleInSteps(exchange: Exchange): Promise<void> {
    if (traced()) publish({ kind: 'app.enter', ...here(exchange.id) });
    try {
      if (asksForWebSocket(exchange.head)) await this.#serveWebSocket(exchange);
      else await this.#serveHttp(exchange);
    } finally {
      if (traced()) publish({ kind: 'app.leave', ...here(exchange.id) });
    }
  }

  async #serveWebSocket(exchange: Exchange): Promise<void> {
    const fault = upgradeFault(exchange.head);
    if (fault) return refuse(exchange, fault);
    if (exchange.length !== 0) throw new HttpError(400, 'Cannot upgrade: the request has a body');
    if (this.#closing) throw new HttpError(503, 'The server is shutting down');
    const session = new WebSocketSession(exchange, { log: this.#log, websocket: this.#websocket });
    const scope = webSocketScope(exchange, { state: this.#state, lane, session });
    const run = session.run(this.#app, scope);
    const entry = { session, run };
    this.#sessions.add(entry);
    try {
      await run;
    } finally {
      this.#sessions.delete(entry);
    }
  }
}

function here(id: string): Pick<TraceEvent, 'at' | 'id' | 'lane'> {
  return { at: performance.now(), id, lane };
}

/** Says which version is spoken here (RFC 6455 §4.4). */
async function refuse(exchange: Exchange, fault: HttpError): Promise<void> {
  exchange.start({
    status: fault.status,
    headers: [
      ['sec-websocket-version', '13'],
      ['content-type', 'text/plain; charset=utf-8'],
    ],
  });
  const written = exchange.write(Buffer.from(`${fault.message}\n`));
  await exchange.end();
  await written;
}

/** Waits for the promise, but for no longer than `ms`. */
function within(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
