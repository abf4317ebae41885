// A WebSocket as receive and send: one call of an async app, from the handshake to the close.
import { deferred } from '../core/deferred.ts';
import { asError, ContractError, Disconnected, HttpError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { checkLooseHead, looseHeaders } from '../http/encoder.ts';
import type { Exchange } from '../http/exchange.ts';
import {
  acceptWebSocket,
  type Close,
  type Message,
  offeredSubprotocols,
  type WebSocketOptions,
  type WebSocketPeer,
} from '../http/websocket.ts';
import { about, causedByDisconnect, seen } from './failure.ts';
import { sendBody } from './http.ts';
import type {
  AsyncApp,
  Receive,
  ReceiveEvent,
  Send,
  SendEvent,
  WebSocketAccept,
  WebSocketClose,
  WebSocketDenialBody,
  WebSocketScope,
  WebSocketSend,
} from './interface.ts';
import { follow, type Order, websocket } from './order.ts';

export interface SessionOptions {
  log?: Log;
  websocket?: WebSocketOptions;
}

const nothing: Promise<void> = Promise.resolve();
const vanished: Close = { code: 1006, reason: '' };
const shuttingDown = 'The server is shutting down';

/** One WebSocket of one app. The server keeps it while it runs, so that it can close it at shutdown. */
export class WebSocketSession {
  readonly #exchange: Exchange;
  readonly #log: Log;
  readonly #options: WebSocketOptions;
  readonly #order: Order<'websocket', 'connecting' | 'open' | 'denying' | 'closed'> = follow(
    websocket,
    'connecting',
  );
  readonly #settled = deferred();
  #greeted = false;
  #peer: WebSocketPeer | null = null;
  #opening: Promise<WebSocketPeer> | null = null;
  /** How it ended, once it has. */
  #ended: Close | null = null;
  /** The app itself ended it: by a close, or by a denial. */
  #byApp = false;
  #gone: AbortController | null = null;
  /** The last piece of a denial, on its way. */
  #denied: Promise<void> = nothing;
  /** The first event that was refused: the likely reason why the handshake stays unanswered. */
  #refused: Error | null = null;

  constructor(exchange: Exchange, { log = silent, websocket: options = {} }: SessionOptions = {}) {
    this.#exchange = exchange;
    this.#log = log;
    this.#options = options;
  }

  /** Aborts (reason: Disconnected) when the socket ends and the app was not the one who ended it. Made on first use. */
  get gone(): AbortSignal {
    if (!this.#gone) {
      this.#gone = new AbortController();
      if (this.#ended && !this.#byApp) this.#gone.abort(new Disconnected());
    }
    return this.#gone.signal;
  }

  /**
   * Calls the app once. Resolves when the app has returned and the socket is closed. Rejects with an HttpError, for the
   * connection to answer with or to cut, where the app threw or returned before the handshake was answered.
   */
  async run(app: AsyncApp, scope: WebSocketScope): Promise<void> {
    this.#exchange.finished.then(() => this.#vanished());
    try {
      // Receive's events are those of its scope, and order refuses what does not suit it.
      await app(scope, this.#receive as Receive, this.#send as Send);
    } catch (thrown) {
      return this.#threw(asError(thrown));
    }
    await this.#returned();
  }

  /** The server shuts down: 1012 to an open socket, 503 to a handshake that waits. */
  stop(): void {
    if (this.#order.state === 'connecting') {
      this.#end({ code: 1012, reason: shuttingDown });
      this.#exchange.start({ status: 503, headers: [] });
      seen(this.#exchange.end());
    } else if (this.#opening) {
      seen(this.#opening.then((peer) => peer.close(1012, shuttingDown)));
    }
  }

  /** Cuts the socket. */
  abort(): void {
    this.#peer?.abort();
  }

  readonly #receive: Receive<'websocket'> = () => seen(this.#next());

  readonly #send = (event: SendEvent<'websocket'>): Promise<void> => {
    const before = this.#order.state;
    try {
      return seen(this.#play(event));
    } catch (error) {
      this.#order.enter(before);
      this.#refused ??= asError(error);
      return seen(Promise.reject(error));
    }
  };

  async #next(): Promise<ReceiveEvent<'websocket'>> {
    if (!this.#greeted) {
      this.#greeted = true;
      return { type: 'websocket.connect' };
    }
    await this.#settled.promise;
    const got = (await this.#peer?.receive()) ?? { close: this.#ended ?? vanished };
    if ('close' in got) return { type: 'websocket.disconnect', ...got.close };
    const { message } = got;
    if (typeof message === 'string') return { type: 'websocket.receive', text: message };
    return { type: 'websocket.receive', bytes: message };
  }

  #play(event: SendEvent<'websocket'>): Promise<void> {
    if (!this.#order.take(event)) {
      // A second close is a no-op; whatever else comes after the end is told so.
      if (event?.type === 'websocket.close') return nothing;
      throw new Disconnected('The WebSocket is closed');
    }
    switch (event.type) {
      case 'websocket.accept':
        this.#checkSubprotocol(event);
        return this.#accept(event);
      case 'websocket.send':
        return this.#message(event);
      case 'websocket.close':
        return this.#close(event);
      case 'websocket.http.response.start':
        this.#exchange.start(checkLooseHead({ status: event.status, headers: event.headers ?? [] }));
        return nothing;
      case 'websocket.http.response.body':
        return this.#deny(event);
      default:
        event satisfies never;
        return nothing;
    }
  }

  /** A client fails the connection where it is given a subprotocol that it has not offered (RFC 6455 §4.1). */
  #checkSubprotocol({ subprotocol }: WebSocketAccept): void {
    const offered = offeredSubprotocols(this.#exchange.head);
    if (subprotocol == null || offered.includes(subprotocol)) return;
    throw new ContractError(
      'A-52',
      `Cannot accept with the subprotocol "${subprotocol}": the client offers ${offered.join(', ') || 'none'}`,
    );
  }

  async #accept({ subprotocol, headers }: WebSocketAccept): Promise<void> {
    this.#opening = seen(
      acceptWebSocket(this.#exchange, {
        ...this.#options,
        ...(subprotocol != null && { subprotocol }),
        headers: looseHeaders(headers ?? []),
      }),
    );
    try {
      this.#peer = await this.#opening;
    } catch (error) {
      if (error instanceof Disconnected) this.#end(vanished);
      else {
        // Nothing was answered: the app may try again, or be answered for.
        this.#opening = null;
        this.#order.enter('connecting');
        this.#refused ??= asError(error);
      }
      throw error;
    }
    this.#peer.closed.then((close) => this.#end(close));
    this.#settled.resolve();
  }

  #message(event: WebSocketSend): Promise<void> {
    // order has seen that it is one of the two.
    const message = (event.text ?? event.bytes) as Message;
    if (this.#peer) return this.#peer.send(message);
    return this.#accepted().then((peer) => peer.send(message));
  }

  #deny(event: WebSocketDenialBody): Promise<void> {
    const sending = sendBody(this.#exchange, event);
    if (event.more_body === true) return sending;
    this.#denied = sending;
    this.#end(vanished, { byApp: true });
    return sending;
  }

  /** Does not wait for the peer's answer: the run does, after the app has returned. */
  #close({ code, reason }: WebSocketClose): Promise<void> {
    this.#byApp = true;
    if (this.#opening) {
      seen(this.#accepted().then((peer) => peer.close(code ?? 1000, reason ?? '')));
      return nothing;
    }
    this.#end(vanished, { byApp: true });
    this.#exchange.start({ status: 403, headers: [] });
    return this.#exchange.end();
  }

  /** The peer; where the app did not wait for its accept, as soon as it is there. */
  #accepted(): Promise<WebSocketPeer> {
    return this.#opening ?? Promise.reject(new Disconnected('The WebSocket is closed'));
  }

  /** The exchange is over: before the handshake was answered that means that the client has left. */
  #vanished(): void {
    if (this.#order.state === 'connecting' || this.#order.state === 'denying') this.#end(vanished);
  }

  #end(close: Close, { byApp = this.#byApp }: { byApp?: boolean } = {}): void {
    if (this.#ended) return;
    this.#ended = close;
    this.#byApp = byApp;
    this.#order.enter('closed');
    this.#settled.resolve();
    if (!byApp) this.#gone?.abort(new Disconnected());
  }

  async #threw(error: Error): Promise<void> {
    const { state } = this.#order;
    const left = state === 'closed' || this.#peer?.open === false;
    if (left && causedByDisconnect(error)) return this.#closed();
    const how =
      state === 'open' ? 'closed with 1011' : state === 'closed' ? 'it was closed already' : 'denied';
    this.#log.error(`The app threw on a WebSocket (${how})`, { ...about(this.#exchange), error });
    if (state === 'connecting' || state === 'denying')
      throw new HttpError(500, 'The app threw', { cause: error });
    await this.#leave(1011);
  }

  async #returned(): Promise<void> {
    const { state } = this.#order;
    if (state === 'connecting' || state === 'denying') {
      const why =
        state === 'denying'
          ? 'before its denial was complete'
          : 'without websocket.accept, websocket.close or a denial';
      const cause = this.#refused ? { cause: this.#refused } : undefined;
      const error = new ContractError('A-37', `The app returned ${why}`, cause);
      this.#log.error('The app returned too early from a WebSocket', { ...about(this.#exchange), error });
      throw new HttpError(500, 'The app returned too early', { cause: error });
    }
    await this.#leave(1000);
  }

  /** The app is done: its socket, where it is still open, closes with this code. */
  async #leave(code: number): Promise<void> {
    this.#byApp ||= this.#order.state === 'open';
    if (this.#order.state === 'open') await (await this.#accepted()).close(code);
    await this.#closed();
  }

  async #closed(): Promise<void> {
    await this.#denied;
    await this.#peer?.closed;
  }
}
