// The async contract: one scope a connection, events in, events out. ASGI 3.0 and its HTTP, WebSocket and Lifespan specs.
import type { ByteString, HeaderList } from '../core/bytes.ts';

export interface Versions {
  readonly version: '3.0';
  readonly spec_version: '2.5';
}
export type Address = readonly [host: string, port: number];
export type Bound = Address | readonly [path: string, port: null];
export type State = Record<string, unknown>;
export type Extensions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/* ── scopes ─────────────────────────────────────────────────────────── */

interface Connection {
  readonly asgi: Versions;
  readonly http_version: '1.0' | '1.1' | '2';
  readonly path: string;
  readonly raw_path: ByteString;
  readonly query_string: ByteString;
  readonly root_path: string;
  readonly headers: HeaderList;
  readonly client: Address | null;
  readonly server: Bound | null;
  readonly state: State;
  readonly extensions: Extensions;
}
export interface HttpScope extends Connection {
  readonly type: 'http';
  readonly scheme: 'http' | 'https';
  readonly method: string;
}
export interface WebSocketScope extends Connection {
  readonly type: 'websocket';
  readonly scheme: 'ws' | 'wss';
  readonly subprotocols: readonly string[];
}
export interface LifespanScope {
  readonly type: 'lifespan';
  readonly asgi: { readonly version: '3.0'; readonly spec_version: '2.0' }; // that spec has its own number
  readonly state: State;
}

/* ── receive: server to app. Every key is there: the server fills in the defaults. ── */

type Payload =
  | { readonly text: string; readonly bytes?: never }
  | { readonly bytes: Uint8Array; readonly text?: never };

export interface HttpRequest {
  readonly type: 'http.request';
  readonly body: Uint8Array;
  readonly more_body: boolean;
}
/** The answer is complete, or the client has gone; again and again. */
export interface HttpDisconnect {
  readonly type: 'http.disconnect';
}
export interface WebSocketConnect {
  readonly type: 'websocket.connect';
}
export type WebSocketReceive = { readonly type: 'websocket.receive' } & Payload;
export interface WebSocketDisconnect {
  readonly type: 'websocket.disconnect';
  readonly code: number;
  readonly reason: string;
}
export interface LifespanStartup {
  readonly type: 'lifespan.startup';
}
export interface LifespanShutdownNotice {
  readonly type: 'lifespan.shutdown.notice';
} // ours: shutdown began, connections are still open; only to apps that asked (extension dualgate.shutdown)
export interface LifespanShutdown {
  readonly type: 'lifespan.shutdown';
}

/* ── send: app to server. What the spec calls optional is optional. ──── */

/** `status` is 200 to 599. The head leaves with the first body: until then an error still becomes a 500. */
export interface HttpResponseStart {
  type: 'http.response.start';
  status: number;
  headers?: HeaderList;
  trailers?: boolean;
}
/** The bytes belong to the server once they are sent: an app that changes them afterwards changes its answer. */
export interface HttpResponseBody {
  type: 'http.response.body';
  body?: Uint8Array;
  more_body?: boolean;
}
export interface HttpResponseTrailers {
  type: 'http.response.trailers';
  headers?: HeaderList;
  more_trailers?: boolean;
}
export interface HttpEarlyHint {
  type: 'http.response.early_hint';
  links: readonly ByteString[];
}
export interface HttpPathsend {
  type: 'http.response.pathsend';
  path: string;
}
export interface HttpZeroCopySend {
  type: 'http.response.zerocopysend';
  file: number;
  offset?: number;
  count?: number;
  more_body?: boolean;
}
export interface HttpDebug {
  type: 'http.response.debug';
  info: Record<string, unknown>;
}
/** `subprotocol` is one that the client offered; `headers` are added to the 101, and have none of the handshake's own. */
export interface WebSocketAccept {
  type: 'websocket.accept';
  subprotocol?: string;
  headers?: HeaderList;
}
/** The bytes belong to the server once they are sent, as in http.response.body. */
export type WebSocketSend = { type: 'websocket.send' } & Payload;
/** 1000 where `code` is left out; `reason` is at most 123 bytes of UTF-8. Before accept it answers 403. */
export interface WebSocketClose {
  type: 'websocket.close';
  code?: number;
  reason?: string;
}
export interface WebSocketDenialStart {
  type: 'websocket.http.response.start';
  status: number;
  headers?: HeaderList;
}
export interface WebSocketDenialBody {
  type: 'websocket.http.response.body';
  body?: Uint8Array;
  more_body?: boolean;
}
export interface LifespanStartupComplete {
  type: 'lifespan.startup.complete';
}
export interface LifespanStartupFailed {
  type: 'lifespan.startup.failed';
  message?: string;
}
export interface LifespanShutdownComplete {
  type: 'lifespan.shutdown.complete';
}
export interface LifespanShutdownFailed {
  type: 'lifespan.shutdown.failed';
  message?: string;
}

/* ── the table: one row a protocol ──────────────────────────────────── */

export interface Protocols {
  http: {
    scope: HttpScope;
    receive: HttpRequest | HttpDisconnect;
    send:
      | HttpResponseStart
      | HttpResponseBody
      | HttpResponseTrailers
      | HttpEarlyHint
      | HttpPathsend
      | HttpZeroCopySend
      | HttpDebug; // the extensions, where scope.extensions lists them
  };
  websocket: {
    scope: WebSocketScope;
    receive: WebSocketConnect | WebSocketReceive | WebSocketDisconnect;
    send: WebSocketAccept | WebSocketSend | WebSocketClose | WebSocketDenialStart | WebSocketDenialBody;
  };
  lifespan: {
    scope: LifespanScope;
    receive: LifespanStartup | LifespanShutdownNotice | LifespanShutdown;
    send: LifespanStartupComplete | LifespanStartupFailed | LifespanShutdownComplete | LifespanShutdownFailed;
  };
}
export type Protocol = keyof Protocols;
export type Scope<P extends Protocol = Protocol> = Protocols[P]['scope'];
export type ReceiveEvent<P extends Protocol = Protocol> = Protocols[P]['receive'];
export type SendEvent<P extends Protocol = Protocol> = Protocols[P]['send'];
/**
 * The next event of the server. On http it throws HttpError where the request body is broken, late or too large: an app
 * that lets it pass is answered for with its status (400, 408, 413).
 */
export type Receive<P extends Protocol = Protocol> = () => Promise<ReceiveEvent<P>>;
/**
 * Hands an event to the server; resolves when there is room for more. Throws ContractError where the event is malformed or
 * comes at the wrong time, and Disconnected once the client has gone.
 */
export type Send<P extends Protocol = Protocol> = (event: SendEvent<P>) => Promise<void>;

/** Called once for each request, each WebSocket, and the life of the process (ASGI, "Applications"). */
export type AsyncApp<P extends Protocol = Protocol> = (
  scope: Scope<P>,
  receive: Receive<P>,
  send: Send<P>,
) => Promise<void>;

/** What a server owes an app and an app a server, clause by clause. The ids are those of the tests' titles. */
export const clauses = {
  'A-01':
    'An app is one async callable of scope, receive and send, called once for each request, socket or lifespan.',
  'A-04': 'An app may refuse a scope by throwing; the server lives on.',
  'A-06': 'send throws where an event is unknown, lacks a key, or has a value of the wrong type.',
  'A-07': 'Extra keys are never an error.',
  'A-08': 'An app that throws before its head is answered with 500; after it the connection is cut.',
  'A-09': 'What an app throws because its client has gone is not logged.',
  'A-11': 'scope.extensions lists what works on this connection; an event of another extension is refused.',
  'A-12': 'A scope is fresh for each request.',
  'A-20': 'http_version is 1.0, 1.1 or 2.',
  'A-21': 'method is upper case; scheme is never empty.',
  'A-23': 'path is percent-decoded UTF-8, without the query; a path that is not UTF-8 is refused with 400.',
  'A-24': "raw_path holds the path's octets as they were sent.",
  'A-25': 'query_string is raw, and empty where there is none.',
  'A-27': 'Headers keep their order and repeats; names are lower case.',
  'A-28': 'client is a host and a port number, server likewise or a path and null.',
  'A-29': "state is a shallow copy of the lifespan's, one a request.",
  'A-30': 'http.request carries the decoded body, and says whether more follows.',
  'A-31':
    'http.response.start comes first and once, then at least one body; the head leaves with the first body.',
  'A-32':
    "Response header names are tokens, values have no control character; transfer-encoding is the server's.",
  'A-33':
    'send resolves when there is room; more_body: false completes the answer, and later bodies are ignored.',
  'A-35': 'receive gives http.disconnect after the answer or after the client has gone, again and again.',
  'A-36': 'send throws Disconnected once the client has gone.',
  'A-37':
    'An app that returns before its answer is complete: 500 where nothing was sent, else the connection is cut.',
  'A-38': '100 Continue waits for receive; a wrong Content-Length is refused.',
  'A-50': 'A websocket scope has scheme ws or wss, and its subprotocols as a list.',
  'A-51': 'websocket.connect comes first; nothing is answered before accept or close.',
  'A-52':
    "accept comes once, chooses one of the client's subprotocols and adds headers; those of the handshake are the server's.",
  'A-53': 'close before accept answers 403.',
  'A-54': 'A message is text or bytes, whole.',
  'A-57': 'websocket.disconnect has a code, 1005 where none came, and a reason; after it send throws.',
  'A-58': 'close has a code, 1000 where none is given, and a reason.',
  'A-59': 'An app that returns closes the socket with 1000, one that throws with 1011.',
  'A-60': 'send on a socket waits for a slow peer.',
  'A-61': 'The queue of received messages is bounded: the socket is paused.',
  'A-70': 'The server listens after lifespan.startup.complete, not before.',
  'A-71': 'lifespan.startup.failed ends the server with its message.',
  'A-72': 'An app that throws on a lifespan scope is served without one (auto), or ends the server (on).',
  'A-73': 'lifespan.shutdown comes after the connections are closed, and its wait has a deadline.',
  'A-80':
    'websocket.http.response.start and .body answer a handshake in place of accept; nothing else follows them.',
} as const;
export type Clause = keyof typeof clauses;
