// The one import of ws: an upgrade as receive, send and close, with back-pressure both ways.
import type { Duplex } from 'node:stream';

import { type WebSocket, WebSocketServer } from 'ws';

import { byteStringToUtf8, type HeaderList } from '../core/bytes.ts';
import { type Deferred, deferred } from '../core/deferred.ts';
import { Disconnected, HttpError } from '../core/errors.ts';
import { Queue } from '../core/queue.ts';
import type { Exchange } from './exchange.ts';
import { isToken, listOf } from './grammar.ts';
import type { RequestHead } from './head.ts';

/** Text is a string, binary is bytes; always whole. */
export type Message = string | Uint8Array;
export interface Close {
  /** 1005 where the peer's close frame had no code, 1006 where there was no close frame (RFC 6455 §7.4.1). */
  readonly code: number;
  readonly reason: string;
}

/** An accepted WebSocket. */
export interface WebSocketPeer {
  /** False from the moment that either side begins to close, or the socket breaks; `closed` says how it ended. */
  readonly open: boolean;
  /**
   * The next message, or how it ended (again and again). The socket is paused while 16 messages or 1 MiB wait; what one
   * read of the socket (64 KiB) brought beyond that is kept.
   */
  receive(): Promise<{ readonly message: Message } | { readonly close: Close }>;
  /** Resolves when the socket has room again; rejects with Disconnected once it is closed. */
  send(message: Message): Promise<void>;
  /**
   * Sends a close frame and waits (at most 2 s) for the peer's; then the socket is destroyed. Messages that come
   * meanwhile, and those that wait, are dropped. Safe to call twice. Never rejects.
   */
  close(code?: number, reason?: string): Promise<void>;
  /** Destroys the socket at once: the other side sees 1006. Safe to call twice. */
  abort(): void;
  /** How it ended. Where this side closed first, or refused what the peer sent: this side's code and reason. Never rejects. */
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

const maxMessage = 16 * 1024 * 1024;
const maxWaiting = 16;
const maxWaitingBytes = 1024 * 1024;
const closeTimeout = 2000;

/** Does the client ask for a WebSocket, whether or not it asks well? (GET, 1.1, `Upgrade: websocket`) */
export function asksForWebSocket(head: RequestHead): boolean {
  if (head.method !== 'GET' || head.version !== '1.1') return false;
  const upgrade = head.get('upgrade');
  if (upgrade === undefined || !listOf(upgrade).includes('websocket')) return false;
  return listOf(head.get('connection') ?? '').includes('upgrade');
}

/** GET, 1.1, Upgrade: websocket, Connection: upgrade, valid key, version 13 (RFC 6455 §4.2.1). */
export function isWebSocketUpgrade(head: RequestHead): boolean {
  return asksForWebSocket(head) && upgradeFault(head) === null;
}

/** What is wrong with a request that asks for a WebSocket: 426 for a version that is not 13, 400 for the rest. */
export function upgradeFault(head: RequestHead): HttpError | null {
  const version = head.get('sec-websocket-version');
  if (version !== '13')
    return new HttpError(426, `Cannot upgrade to WebSocket version "${version ?? ''}": 13 is spoken here`);
  const key = head.get('sec-websocket-key');
  // 16 octets in base64 (RFC 6455 §4.1).
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key ?? ''))
    return new HttpError(
      400,
      `Cannot upgrade: the Sec-WebSocket-Key "${key ?? ''}" is not 16 octets in base64`,
    );
  const offered = offeredSubprotocols(head);
  if (new Set(offered).size !== offered.length || !offered.every((name) => isToken(name)))
    return new HttpError(
      400,
      `Cannot upgrade: the subprotocols "${offered.join(', ')}" are not different tokens`,
    );
  return null;
}

/** What the client offers in `Sec-WebSocket-Protocol`, in its order of preference. */
export function offeredSubprotocols(head: RequestHead): string[] {
  const list = head.get('sec-websocket-protocol');
  if (list === undefined) return [];
  const names = list.split(',').map((name) => name.trim());
  return names.filter((name) => name !== '');
}

/**
 * Answers the handshake with 101 and takes the socket over. Subprotocol and headers are as the caller checked them.
 * Rejects with HttpError where the request is no upgrade, and with Disconnected where the client has gone already.
 */
export async function acceptWebSocket(
  exchange: Exchange,
  acceptance: Acceptance = {},
): Promise<WebSocketPeer> {
  const { head } = exchange;
  if (!asksForWebSocket(head))
    throw new HttpError(400, 'Cannot upgrade: the request does not ask for a WebSocket');
  const fault = upgradeFault(head);
  if (fault) throw fault;
  const lines = headerLines(acceptance.headers ?? []);
  const { socket, rest } = exchange.upgrade();
  const ws = handshake(head, { socket, rest, lines }, acceptance);
  if (!ws) throw new Disconnected();
  return new Peer(ws, socket);
}

/** ws writes its head as UTF-8: octets beyond ASCII arrive as they are where they are UTF-8, and are refused elsewhere. */
function headerLines(headers: HeaderList): string[] {
  return headers.map(([name, value]) => {
    const text = byteStringToUtf8(value);
    if (text === undefined)
      throw new HttpError(500, `Cannot accept with the header "${name}": it is not UTF-8`);
    return `${name}: ${text}`;
  });
}

/** ws answers the 101 before this returns; null where the client has closed its side already: ws has cut it. */
function handshake(
  head: RequestHead,
  { socket, rest, lines }: { socket: Duplex; rest: Uint8Array; lines: readonly string[] },
  acceptance: Acceptance,
): WebSocket | null {
  const options = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: acceptance.maxMessage ?? maxMessage,
    closeTimeout, // ws 8.19 and newer; @types/ws does not know it
  };
  const server = new WebSocketServer(options);
  server.on('headers', (answer: string[]) => {
    answer.push(...lines);
  });
  // All that ws reads of a request. It picks the first subprotocol: here the only one is the chosen one.
  const headers = Object.assign(Object.create(null), {
    upgrade: 'websocket',
    'sec-websocket-key': head.get('sec-websocket-key'),
    'sec-websocket-version': '13',
    ...(acceptance.subprotocol !== undefined && { 'sec-websocket-protocol': acceptance.subprotocol }),
  });
  const request = { method: 'GET', url: head.target, headers, socket };
  const bytes = Buffer.from(rest.buffer, rest.byteOffset, rest.length);
  let accepted: WebSocket | null = null;
  // ws wants an IncomingMessage, and reads method, url, headers and socket of it.
  server.handleUpgrade(request as never, socket, bytes, (ws) => {
    accepted = ws;
  });
  socket.resume(); // it comes paused
  return accepted;
}

/** The codes that ws answers a broken peer with, by its error's code. */
const faults: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_INVALID_UTF8: 1007,
};

class Peer implements WebSocketPeer {
  readonly closed: Promise<Close>;
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #messages: Queue<Message>;
  readonly #ended: Deferred<Close> = deferred<Close>();
  /** How this side ended it: by its own close, or by a refusal of what the peer sent. */
  #own: Close | null = null;
  /** What senders wait for while the socket is full. */
  #room: Deferred<void> | null = null;

  constructor(ws: WebSocket, socket: Duplex) {
    this.#ws = ws;
    this.#socket = socket;
    this.closed = this.#ended.promise;
    this.#messages = new Queue<Message>({
      items: maxWaiting,
      weight: maxWaitingBytes,
      weigh: (message) => message.length,
      onRoom: () => ws.resume(),
    });
    // One Buffer a message: that is what ws gives while binaryType is nodebuffer, its default.
    ws.on('message', (data, binary) => this.#arrived(data as Buffer, binary));
    ws.on('error', (error) => this.#broken(error));
    ws.on('close', (code, reason) => this.#over({ code, reason: reason.toString() }));
    socket.on('drain', this.#drained);
  }

  get open(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  async receive(): Promise<{ readonly message: Message } | { readonly close: Close }> {
    const message = await this.#messages.take();
    if (message === undefined) return { close: await this.closed };
    return { message };
  }

  send(message: Message): Promise<void> {
    if (!this.open) return Promise.reject(new Disconnected('The WebSocket is closed'));
    this.#cork();
    this.#ws.send(message);
    if (!this.#socket.writableNeedDrain) return sent;
    return this.#untilDrained();
  }

  async close(code = 1000, reason = ''): Promise<void> {
    if (this.open) {
      this.#own = { code, reason };
      this.#messages.close({ drop: true });
      this.#cork();
      this.#ws.close(code, reason); // ws destroys the socket after closeTimeout
      this.#ws.resume(); // the peer's close frame may be behind messages that nobody wants any more
    }
    await this.closed;
  }

  abort(): void {
    this.#ws.terminate();
  }

  #arrived(data: Buffer, binary: boolean): void {
    const room = this.#messages.push(binary ? data : data.toString('utf8'));
    if (!room) this.#ws.pause();
  }

  /** The frames of one tick leave in one write: 3.7 times cheaper with 16 frames in flight (design note, 2026-11). */
  #cork(): void {
    const socket = this.#socket;
    if (socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  #untilDrained(): Promise<void> {
    if (!this.#room) {
      this.#room = deferred();
      this.#room.promise.catch(() => {}); // a sender that does not wait must not end the process
    }
    return this.#room.promise;
  }

  readonly #drained = (): void => {
    this.#room?.resolve();
    this.#room = null;
  };

  /** The peer broke the protocol or a limit: ws closes with the code that says so. */
  #broken(error: Error & { readonly code?: string }): void {
    this.#own ??= { code: faults[error.code ?? ''] ?? 1002, reason: error.message };
  }

  #over(close: Close): void {
    this.#socket.off('drain', this.#drained);
    this.#messages.close();
    this.#room?.reject(new Disconnected('The WebSocket is closed'));
    this.#room = null;
    this.#ended.resolve(this.#own ?? close);
  }
}

const sent: Promise<void> = Promise.resolve();
