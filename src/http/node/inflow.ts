// The body of a request that node:http parsed: pieces as they come, held within a bound, counted.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import type { Header, HeaderList } from '../../core/bytes.ts';
import { HttpError } from '../../core/errors.ts';
import { notTrailers } from '../chunked.ts';
import type { ParserEvent } from '../events.ts';
import { lowerName } from '../grammar.ts';
import type { Limits } from '../limits.ts';
import { Parser } from '../parser.ts';
import { keeps } from '../underscores.ts';

/** Where a turn gets its body from. */
export interface Inflow {
  /** The next event of the body; null where it has not come yet. Throws HttpError. Not asked again after the last one. */
  take(): ParserEvent | null;
  /** Bytes that have come and were not taken. */
  readonly buffered: number;
  /** Nobody takes any more. */
  close(): void;
}

export interface InflowOptions {
  /** The declared length; null for chunked. */
  readonly length: number | null;
  readonly limits: Limits;
  /** Something can be taken. */
  readonly arrived: () => void;
}

/** A body that node takes apart. Nothing is taken off node's hands before somebody asks. */
export class RequestInflow implements Inflow {
  readonly #request: IncomingMessage;
  readonly #length: number | null;
  readonly #limits: Limits;
  readonly #arrived: () => void;
  readonly #pieces: Buffer[] = [];
  #size = 0;
  #received = 0;
  #taken = 0;
  #flowing = false;
  #ended = false;
  #fault: HttpError | null = null;

  constructor(request: IncomingMessage, { length, limits, arrived }: InflowOptions) {
    this.#request = request;
    this.#length = length;
    this.#limits = limits;
    this.#arrived = arrived;
  }

  get buffered(): number {
    return this.#size + this.#request.readableLength;
  }

  take(): ParserEvent | null {
    if (!this.#flowing) this.#flow();
    const piece = this.#pieces.shift();
    if (piece) {
      this.#size -= piece.length;
      this.#taken += piece.length;
      if (this.#size <= this.#limits.maxBuffered / 2 && this.#request.isPaused()) this.#request.resume();
      return { kind: 'data', bytes: piece, last: this.#taken === this.#length };
    }
    if (this.#fault) throw this.#fault;
    if (!this.#ended) return null;
    return { kind: 'end', trailers: trailersOf(this.#request.rawTrailers, this.#limits) };
  }

  close(): void {
    this.#request.off('data', this.#onData);
    this.#request.off('end', this.#onEnd);
    this.#pieces.length = 0;
    this.#size = 0;
  }

  #flow(): void {
    this.#flowing = true;
    if (this.#request.readableDidRead)
      this.#fault = new HttpError(
        500,
        'Cannot read the body: somebody has read it before, such as a body parser',
      );
    this.#request.on('error', ignore); // the connection hears of it
    this.#request.on('end', this.#onEnd);
    this.#request.on('data', this.#onData);
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#fault) return;
    this.#received += bytes.length;
    if (this.#received > this.#limits.maxBody) {
      this.#fault = new HttpError(
        413,
        `Cannot take the body: it is longer than ${this.#limits.maxBody} bytes`,
      );
    } else {
      this.#pieces.push(bytes);
      this.#size += bytes.length;
      if (this.#size > this.#limits.maxBuffered) this.#request.pause();
    }
    this.#arrived();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#arrived();
  };
}

/** Throws HttpError for what our own parser refuses: fields that belong into the head, and too much. */
function trailersOf(raw: readonly string[], { maxHeaders, maxTrailers, underscores }: Limits): HeaderList {
  const trailers: Header[] = [];
  let size = 0;
  for (let at = 0; at < raw.length; at += 2) {
    const name = lowerName(raw[at] ?? '');
    const value = raw[at + 1] ?? '';
    if (notTrailers.has(name))
      throw new HttpError(400, `Cannot read the chunked body: "${name}" may not be a trailer`);
    size += name.length + value.length + 4;
    if (keeps(name, underscores)) trailers.push([name, value]);
  }
  if (size > maxTrailers || trailers.length > maxHeaders)
    throw new HttpError(431, 'Cannot read the trailers: they are too many or too long');
  return trailers;
}

/**
 * A body on a socket that node has let go of, as it does for each request that asks for an upgrade: our own parser takes
 * it apart. What comes behind it is kept for whoever takes the socket.
 */
export class SocketInflow implements Inflow {
  readonly #socket: Socket;
  readonly #parser: Parser;
  readonly #limits: Limits;
  readonly #arrived: () => void;

  constructor(socket: Socket, first: Buffer, { length, limits, arrived }: InflowOptions) {
    this.#socket = socket;
    this.#limits = limits;
    this.#arrived = arrived;
    this.#parser = new Parser(limits);
    const framing = length === null ? 'transfer-encoding: chunked' : `content-length: ${length}`;
    this.#parser.feed(Buffer.from(`POST / HTTP/1.1\r\nhost: a\r\n${framing}\r\n\r\n`));
    this.#parser.next(); // the head, which node has read: the parser stands before its body now
    if (first.length > 0) this.#parser.feed(first);
    socket.on('data', this.#onData);
    socket.resume();
  }

  get buffered(): number {
    return this.#parser.buffered;
  }

  take(): ParserEvent | null {
    const event = this.#parser.next();
    if (this.#socket.isPaused() && this.#parser.buffered <= this.#limits.maxBuffered / 2)
      this.#socket.resume();
    return event;
  }

  /** All that came and was not taken; the socket is paused from now on. */
  release(): Uint8Array {
    this.#socket.off('data', this.#onData);
    this.#socket.pause();
    return this.#parser.rest();
  }

  /** What comes from now on is dropped, so that the other end gets its answer. */
  close(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.resume();
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#parser.feed(bytes);
    if (this.#parser.buffered > this.#limits.maxBuffered) this.#socket.pause();
    this.#arrived();
  };
}

function ignore(): void {}
