// The one import of ws: an upgrade as receive, send and close, with back-pressure both ways.
import type { HeaderList } from '../core/bytes.ts';

/** Text is a string, binary is bytes; always whole. */
export type Message = string | Uint8Array;
export interface Close {
  /** 1005 where the peer's close frame had no code, 1006 where there was no close frame (RFC 6455 §7.4.1). */
  readonly code: number;
  readonly reason: string;
}

/** An accepted WebSocket. */
export interface WebSocketPeer {
  /** The next message, or how it ended (again and again). The socket is paused while 16 messages wait. */
  receive(): Promise<{ readonly message: Message } | { readonly close: Close }>;
  /** Resolves when the socket has room again; rejects with Disconnected once it is closed. */
  send(message: Message): Promise<void>;
  /** Sends a close frame and waits (at most 2 s) for the peer's; then the socket is destroyed. Safe to call twice. */
  close(code?: number, reason?: string): Promise<void>;
  readonly closed: Promise<Close>;
}

export interface WebSocketOptions {
  /** Largest message in bytes, after reassembly; 16 MiB by default: beyond it the socket is closed with 1009. */
  readonly maxMessage?: number;
}

export interface Acceptance extends WebSocketOptions {
  readonly subprotocol?: string;
  readonly headers?: HeaderList;
}
