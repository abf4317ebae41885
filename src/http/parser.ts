// Bytes in, requests out: a strict, pull-style HTTP/1.x parser without a socket (RFC 9112).
import { HttpError } from '../core/errors.ts';
import { ChunkedBody } from './chunked.ts';
import type { DataEvent, EndEvent, HeadEvent, ParserEvent } from './events.ts';
import { headEnd, parseHead, unfinished } from './head-parser.ts';
import { LastHead } from './last-head.ts';
import type { Limits } from './limits.ts';

const none = Buffer.alloc(0);

/**
 * feed() gives it bytes, next() takes one event. It never runs ahead: what nobody takes stays bytes, so a pipelined
 * request is not looked at before its predecessor is done. After an HttpError it is dead.
 */
export class Parser {
  readonly #limits: Limits;
  readonly #last: LastHead = new LastHead();
  #bytes: Buffer = none;
  #start = 0;
  #end = 0;
  /** Whole chunks behind #bytes: not joined before somebody needs them. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** What the head or the body of the current message still needs. */
  #state: 'head' | 'fixed' | 'chunked' = 'head';
  #left = 0;
  #chunked: ChunkedBody | null = null;
  /** Where the search for the end of the head goes on; 0: not tried yet. */
  #searched = 0;
  /** An empty line before the request line is forgiven once a message (RFC 9112 §2.2). */
  #skipped = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Bytes that were fed and not taken yet. */
  get buffered(): number {
    return this.#end - this.#start + this.#waitingBytes;
  }

  /** Is a head begun and not complete? */
  get inHead(): boolean {
    return this.#state === 'head' && (this.buffered > 0 || this.#skipped);
  }

  feed(given: Uint8Array): void {
    const bytes = Buffer.isBuffer(given) ? given : Buffer.from(given.buffer, given.byteOffset, given.length);
    if (this.#start === this.#end && this.#waiting.length === 0) {
      this.#bytes = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      this.#searched = 0;
    } else {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
  }

  /** The next event; null where more bytes are needed. Throws HttpError. */
  next(): ParserEvent | null {
    for (;;) {
      const event = this.#start === this.#end ? null : this.#step();
      if (event) return event;
      if (!this.#join()) return this.#idle();
    }
  }

  /** An idle connection holds none of the bytes that it came with. */
  #idle(): null {
    if (this.#start === this.#end) {
      this.#bytes = none;
      this.#start = 0;
      this.#end = 0;
    }
    return null;
  }

  /** Takes all that is buffered: an upgrade. */
  rest(): Uint8Array {
    while (this.#join());
    const rest = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return rest;
  }

  #step(): ParserEvent | null {
    switch (this.#state) {
      case 'head':
        return this.#head();
      case 'fixed':
        return this.#fixed();
      case 'chunked':
        return this.#chunk();
    }
  }

  #head(): HeadEvent | null {
    if (!this.#skipEmptyLine()) return null;
    if (this.#searched > 0 && !this.#complete()) return null;
    const event = parseHead(this.#bytes, this.#start, this.#end, this.#limits, this.#last);
    if (!event) {
      this.#searched = this.#end;
      return null;
    }
    this.#start = headEnd();
    this.#searched = 0;
    this.#skipped = false;
    if (event.length !== 0) this.#enter(event.length);
    return event;
  }

  #enter(length: number | null): void {
    if (length === null) {
      this.#state = 'chunked';
      this.#chunked = new ChunkedBody(this.#limits);
    } else if (length > 0) {
      this.#state = 'fixed';
      this.#left = length;
    }
  }

  /** A head that was incomplete before is parsed again only once its last line is there. */
  #complete(): boolean {
    const bytes = this.#bytes;
    for (let at = this.#searched; at < this.#end; at += 1) {
      if (bytes[at] !== 10) continue;
      if (bytes[at - 1] !== 13) throw new HttpError(400, 'Cannot read the head: a line ends with LF alone');
      if (bytes[at - 2] === 10) return true; // the lone-LF check above saw its CR
    }
    this.#searched = this.#end;
    unfinished(this.#bytes, this.#start, this.#end, this.#limits);
    return false;
  }

  #skipEmptyLine(): boolean {
    if (this.#skipped || this.#bytes[this.#start] !== 13) return true;
    if (this.#end - this.#start < 2) return false;
    if (this.#bytes[this.#start + 1] !== 10)
      throw new HttpError(400, 'Cannot read the head: it begins with CR alone');
    this.#start += 2;
    this.#skipped = true;
    this.#searched = 0;
    return this.#start < this.#end;
  }

  #fixed(): DataEvent {
    const size = Math.min(this.#left, this.#end - this.#start);
    const bytes = this.#bytes.subarray(this.#start, this.#start + size);
    this.#start += size;
    this.#left -= size;
    if (this.#left === 0) this.#state = 'head';
    return { kind: 'data', bytes, last: this.#left === 0 };
  }

  #chunk(): DataEvent | EndEvent | null {
    const body = this.#chunked;
    if (!body) return null;
    const event = body.step(this.#bytes, this.#start, this.#end);
    this.#start = body.at;
    if (event?.kind === 'end') {
      this.#state = 'head';
      this.#chunked = null;
    }
    return event;
  }

  /** Puts the next waiting chunk behind what is left; false where none waits. */
  #join(): boolean {
    const next = this.#waiting.shift();
    if (!next) return false;
    this.#waitingBytes -= next.length;
    const left = this.#end - this.#start;
    if (left === 0) {
      this.#bytes = next;
      this.#start = 0;
      this.#end = next.length;
      this.#searched = 0;
    } else {
      this.#append(next, left);
    }
    return true;
  }

  /** Grows by doubling, so that a head that trickles in byte by byte costs no square of its size. */
  #append(next: Buffer, left: number): void {
    if (this.#bytes.length - this.#end < next.length) {
      const grown = Buffer.alloc(Math.max(256, 2 * (left + next.length)));
      grown.set(this.#bytes.subarray(this.#start, this.#end));
      if (this.#searched > 0) this.#searched -= this.#start;
      this.#bytes = grown;
      this.#start = 0;
      this.#end = left;
    }
    this.#bytes.set(next, this.#end);
    this.#end += next.length;
  }
}
