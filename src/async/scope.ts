// An exchange as an HttpScope or a WebSocketScope: made fresh each time, with every key there.
import { byteStringToUtf8, percentDecode } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { offeredSubprotocols } from '../http/websocket.ts';
import type { HttpScope, State, Versions, WebSocketScope } from './interface.ts';

export interface ScopeOptions {
  /** The lifespan's state: each scope gets a shallow copy. */
  state: State;
  /** Who runs the app: `loop`, `loop thread`. */
  lane: string;
}

/** The scope of a request. Throws HttpError 400 where the path is not UTF-8. */
export function httpScope(exchange: Exchange, { state, lane }: ScopeOptions): HttpScope {
  const { head } = exchange;
  return {
    type: 'http',
    asgi: versions(),
    http_version: head.version,
    method: head.method.toUpperCase(),
    scheme: exchange.secure ? 'https' : 'http',
    path: decodePath(head.path),
    raw_path: head.path,
    query_string: head.query,
    root_path: '',
    headers: head.headers,
    client: exchange.client,
    server: exchange.server,
    state: { ...state },
    extensions: {
      'dualgate.lane': { name: lane },
      'dualgate.request': new Identity(exchange),
      'dualgate.disconnect': new Disconnect(exchange),
    },
  };
}

/**
 * The scope of a WebSocket, before it is accepted. The signal of `dualgate.disconnect` is the session's, which outlives
 * the exchange. Throws HttpError 400 where the path is not UTF-8.
 */
export function webSocketScope(
  exchange: Exchange,
  { state, lane, session }: ScopeOptions & { session: Leaving },
): WebSocketScope {
  const { head } = exchange;
  return {
    type: 'websocket',
    asgi: versions(),
    http_version: head.version,
    scheme: exchange.secure ? 'wss' : 'ws',
    path: decodePath(head.path),
    raw_path: head.path,
    query_string: head.query,
    root_path: '',
    headers: head.headers,
    subprotocols: offeredSubprotocols(head),
    client: exchange.client,
    server: exchange.server,
    state: { ...state },
    extensions: {
      'dualgate.lane': { name: lane },
      'dualgate.request': new Identity(exchange),
      'dualgate.disconnect': new Disconnect(session),
      'websocket.http.response': {},
    },
  };
}

/** Makes the id when somebody asks for it: two numbers to text for each request otherwise. */
class Identity {
  readonly [key: string]: unknown;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get id(): string {
    return this.#exchange.id;
  }
}

/** Whose client can leave. */
interface Leaving {
  readonly gone: AbortSignal;
}

/** Asks for the signal when the app does: most never do. A class, because a getter in a literal costs 0.25 µs a scope. */
class Disconnect {
  readonly [key: string]: unknown;
  readonly #leaving: Leaving;

  constructor(leaving: Leaving) {
    this.#leaving = leaving;
  }

  get signal(): AbortSignal {
    return this.#leaving.gone;
  }
}

function versions(): Versions {
  return { version: '3.0', spec_version: '2.5' };
}

const plain = /^[\x20-\x24\x26-\x7e]*$/;

/** Octets, percent-encoded, to text: UTF-8 or a 400, never a repair (ASGI, "path"; clause A-23). */
export function decodePath(path: string): string {
  if (plain.test(path)) return path;
  const text = byteStringToUtf8(percentDecode(path));
  if (text === undefined) throw new HttpError(400, `Cannot decode the path "${path}": it is not UTF-8`);
  return text;
}
