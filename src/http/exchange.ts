// One request and its answer, with back-pressure: the only seam between the engine and the wings.
import type { Duplex } from 'node:stream';

import type { ByteString, HeaderList } from '../core/bytes.ts';
import type { GatewayError } from '../core/errors.ts';
import type { RequestHead, ResponseHead } from './head.ts';
import type { Ticket } from './ticket.ts';

export type Address = readonly [host: string, port: number];
export type Bound = Address | readonly [path: string, port: null];
/** What a TLS connection has agreed on, and whom the client says it is. */
export interface TlsInfo {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** Its IANA name, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
  /** The host that the client asked for (SNI); null where it named none. */
  readonly serverName: string | null;
  /** PEM, the client's own first; empty where it sent none. */
  readonly clientChain: readonly string[];
  /** Why the client's certificate is not trusted; null where it is, or where there is none. */
  readonly clientFault: string | null;
}
/** Who is at the other end, and over what. */
export interface Origin {
  readonly client: Address | null;
  readonly server: Bound | null;
  readonly secure: boolean;
  readonly tls: TlsInfo | null;
}
/** A piece of a request body, and whether more will come. */
export interface Piece {
  readonly body: Uint8Array;
  readonly more: boolean;
}

/** An answer that was put together elsewhere, as on a thread: its head was checked there, and has a Content-Length and a Date. */
export interface WholeAnswer {
  readonly status: number;
  /** Status line, fields and the empty line, in octets; the body behind them where `body` is null. */
  readonly text: ByteString;
  /** Where in it the empty line begins. */
  readonly blank: number;
  /** Bytes that may be used again as soon as relay() has returned. */
  readonly body: Uint8Array | null;
}

export interface Exchange extends Origin {
  /** Unique in this process. */
  readonly id: string;
  readonly head: RequestHead;
  /** What the connection was given when it was accepted, where this is its first request: see ListenerOptions.arrived. */
  readonly ticket: Ticket | null;
  /** The declared length of the request body: 0 for none, null for chunked. */
  readonly length: number | null;
  /**
   * The next piece of the request body, and whether more will come: known from Content-Length, so that no empty extra
   * piece is needed. After the last piece it answers `{ body: empty, more: false }` at once, again and again.
   * Throws Disconnected if the client left half way, HttpError (400, 408, 413) if the body is broken, late or too large.
   * GatewayError CLOSED once the answer is complete, or the socket was given away. One read at a time. The first one sends `100 Continue` where the client waits for it.
   */
  read(): Promise<Piece>;
  /**
   * What read() would give, where it has come already; null where read() would wait. Throws what read() rejects with.
   * A body that is here costs no promise so.
   */
  ready(): Piece | null;
  /** The fields behind a chunked body, names in lower case: there once the last piece was read (RFC 9110 §6.5). */
  readonly trailers: HeaderList;
  /** 103 Early Hints: while the head is unsent, never to HTTP/1.0. */
  inform(status: 103, headers: HeaderList): void;
  /** Held back until the first write or end, so that a 500 (or another start) can still replace it. */
  start(head: ResponseHead): void;
  /** The head has left, or leaves at the end of this turn: nothing can replace it any more. */
  readonly headed: boolean;
  /**
   * Resolves when the socket has room again; rejects with Disconnected once the client is gone, and with GatewayError
   * CONTRACT for more bytes than the app's Content-Length. An empty chunk sends the head alone. Small chunks of one turn
   * of the loop leave together at its end: whoever blocks the loop calls flush() before.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Sends what waits for the end of this turn of the loop. */
  flush(): void;
  /** What write() and finish() are given is copied before they return, where it is no more than 64 KiB: it may be used again. */
  readonly copies: boolean;
  /**
   * The last piece and the end in one: a small answer leaves in one write, with nothing asked of the loop. Where it is the
   * only one, its length is said in the head, unless `measured` is false.
   */
  finish(chunk: Uint8Array, measured?: boolean): Promise<void>;
  /** start() and finish() in one, of an answer that a request other than HEAD has: 0.3 µs instead of 0.9 (Node 20, in-process). */
  relay(answer: WholeAnswer): Promise<void>;
  /** Completes the answer. Too few bytes for the app's Content-Length: the connection is cut and this rejects. */
  end(trailers?: HeaderList): Promise<void>;
  /**
   * Gives the socket away, with the bytes that were read past the head. Nothing has been answered by then. The socket is
   * paused: whoever takes it listens, and calls resume().
   */
  upgrade(): { readonly socket: Duplex; readonly rest: Uint8Array };
  /** Answers with the status of `why` (500 where it has none) while the head is unsent; cuts after that. Says nothing in the log. */
  fail(why: GatewayError): void;
  /** Cut: a reset, or no last chunk; never an end that looks complete. Safe to call twice. */
  abort(why: GatewayError): void;
  /** The answer is complete, or the client is gone, or the exchange was aborted. Never rejects. */
  readonly finished: Promise<void>;
  /** Aborts (reason: Disconnected) when the client goes away before the answer is complete. Made on first use. */
  get gone(): AbortSignal;
}

/**
 * Serves one exchange. It settles when it is done with it. When it rejects, the connection answers for it: an HttpError
 * with its status, Disconnected with nothing, anything else with 500, each only while the head is unsent; after it the
 * connection is cut. So is an exchange whose handler resolved without end().
 * null: it ends the exchange, or fails it, by itself; no promise has to be made for that (0.3 µs).
 */
export type Handler = (exchange: Exchange) => Promise<void> | null;
