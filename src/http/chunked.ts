// The chunked coding of a request body, taken apart: sizes, extensions, data, trailers (RFC 9112 §7.1).
import type { Header } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import { lowerName, tokenOctets, trimBlanks, valueOctets } from './grammar.ts';
import type { Limits } from './limits.ts';
import type { DataEvent, EndEvent } from './events.ts';
import { keeps } from './underscores.ts';

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers';
/** What may follow in a chunk extension: `;name`, `;name=token` or `;name="quoted"` (RFC 9112 §7.1.1), without blanks. */
type Part = 'name' | 'in-name' | 'value' | 'in-value' | 'in-quotes' | 'escaped' | 'behind-quotes';

const maxDigits = 12;
/** What decides about framing, routing or the connection has no place behind the body (RFC 9110 §6.5.1). */
export const notTrailers: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'host',
  'connection',
  'content-encoding',
  'content-type',
  'content-range',
  'trailer',
  'te',
  'upgrade',
  'expect',
  'authorization',
  'cookie',
  'set-cookie',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
]);

export class ChunkedBody {
  /** How far step() came. */
  at = 0;
  readonly #limits: Limits;
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #total = 0;
  #extensions = 0;
  #part: Part = 'name';
  #trailers: Header[] = [];
  /** Octets of trailers that were taken, and of the line that has not ended yet. */
  #trailerBytes = 0;
  #scanned = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** The next event of bytes[start, end); null where it needs more. Throws HttpError. */
  step(bytes: Uint8Array, start: number, end: number): DataEvent | EndEvent | null {
    this.at = start;
    while (this.at < end) {
      if (this.#state === 'data') return this.#data(bytes, end);
      if (this.#state === 'trailers') {
        const line = this.#line(bytes, end);
        if (line === null) return null;
        if (line === '') return { kind: 'end', trailers: this.#trailers };
        this.#trailer(line);
      } else {
        this.#octet(bytes[this.at] ?? 0);
        this.at += 1;
      }
    }
    return null;
  }

  #data(bytes: Uint8Array, end: number): DataEvent {
    const size = Math.min(this.#size, end - this.at);
    const data = bytes.subarray(this.at, this.at + size);
    this.at += size;
    this.#size -= size;
    if (this.#size === 0) this.#state = 'data-cr';
    return { kind: 'data', bytes: data, last: false };
  }

  #octet(octet: number): void {
    switch (this.#state) {
      case 'size':
        return this.#sizeOctet(octet);
      case 'extension':
        return this.#extensionOctet(octet);
      case 'size-lf':
        if (octet !== 10) throw broken('a chunk size ends with CR alone');
        return this.#sized();
      case 'data-cr':
        if (octet !== 13) throw broken('a chunk is longer than its size');
        this.#state = 'data-lf';
        return;
      case 'data-lf':
        if (octet !== 10) throw broken('a chunk ends with CR alone');
        this.#state = 'size';
        this.#size = 0;
        this.#digits = 0;
        return;
      case 'data':
      case 'trailers':
        return; // step() takes these by the piece
    }
  }

  #sizeOctet(octet: number): void {
    const value = hex(octet);
    if (value >= 0) {
      this.#digits += 1;
      if (this.#digits > maxDigits) throw broken(`a chunk size has more than ${maxDigits} digits`);
      this.#size = this.#size * 16 + value;
      return;
    }
    if (this.#digits === 0) throw broken('a chunk size is not a hexadecimal number');
    if (octet === 13) this.#state = 'size-lf';
    else if (octet === 59) this.#beginExtension();
    else throw broken('a chunk size is followed by neither ";" nor CRLF');
  }

  #extensionOctet(octet: number): void {
    this.#extensions += 1;
    if (this.#extensions > this.#limits.maxExtensions) {
      throw broken(`its chunk extensions are longer than ${this.#limits.maxExtensions} bytes`);
    }
    switch (this.#part) {
      case 'name':
      case 'in-name':
        if (tokenOctets[octet] === 1) this.#part = 'in-name';
        else if (octet === 61 && this.#part === 'in-name') this.#part = 'value';
        else this.#endExtension(octet, this.#part === 'in-name');
        return;
      case 'value':
      case 'in-value':
        if (tokenOctets[octet] === 1) this.#part = 'in-value';
        else if (octet === 34 && this.#part === 'value') this.#part = 'in-quotes';
        else this.#endExtension(octet, this.#part === 'in-value');
        return;
      case 'in-quotes':
      case 'escaped':
        if (valueOctets[octet] !== 1) throw broken('a chunk extension has a control character');
        if (this.#part === 'escaped') this.#part = 'in-quotes';
        else if (octet === 34) this.#part = 'behind-quotes';
        else if (octet === 92) this.#part = 'escaped';
        return;
      case 'behind-quotes':
        return this.#endExtension(octet, true);
    }
  }

  #beginExtension(): void {
    this.#state = 'extension';
    this.#part = 'name';
  }

  #endExtension(octet: number, complete: boolean): void {
    if (complete && octet === 59) this.#beginExtension();
    else if (complete && octet === 13) this.#state = 'size-lf';
    else throw broken('a chunk extension is neither a name nor a name and a value');
  }

  #sized(): void {
    this.#total += this.#size;
    if (this.#total > this.#limits.maxBody) {
      throw new HttpError(413, `Cannot take the body: it is longer than ${this.#limits.maxBody} bytes`);
    }
    this.#state = this.#size === 0 ? 'trailers' : 'data';
  }

  /** The line that begins at `at`, without its CRLF; null where it has not ended. */
  #line(bytes: Uint8Array, end: number): string | null {
    for (let at = this.at + this.#scanned; at < end; at += 1) {
      if (bytes[at] === 13 && at + 1 < end && bytes[at + 1] !== 10)
        throw broken('a trailer line ends with CR alone');
      if (bytes[at] !== 10) continue;
      if (at === this.at || bytes[at - 1] !== 13) throw broken('a trailer line ends with LF alone');
      const line = Buffer.from(bytes.buffer, bytes.byteOffset + this.at, at - 1 - this.at).toString('latin1');
      this.#trailerBytes += at + 1 - this.at;
      this.at = at + 1;
      this.#scanned = 0;
      this.#checkTrailers(0);
      return line;
    }
    this.#scanned = Math.max(0, end - this.at - 1); // the last octet may be a CR whose LF is to come
    this.#checkTrailers(end - this.at);
    return null;
  }

  #checkTrailers(unfinished: number): void {
    if (
      this.#trailerBytes + unfinished <= this.#limits.maxTrailers &&
      this.#trailers.length < this.#limits.maxHeaders
    )
      return;
    throw new HttpError(431, 'Cannot read the trailers: they are too many or too long');
  }

  #trailer(line: string): void {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const value = trimBlanks(line.slice(colon + 1));
    if (name === '' || !all(name, tokenOctets)) throw broken('a trailer has no valid name');
    if (!all(value, valueOctets)) throw broken(`the trailer "${name}" has a control character`);
    const lower = lowerName(name);
    if (notTrailers.has(lower)) throw broken(`"${name}" may not be a trailer`);
    if (keeps(name, this.#limits.underscores)) this.#trailers.push([lower, value]);
  }
}

function hex(octet: number): number {
  if (octet >= 48 && octet <= 57) return octet - 48;
  const letter = octet | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function all(text: string, allowed: Uint8Array): boolean {
  for (let at = 0; at < text.length; at += 1) if (allowed[text.charCodeAt(at)] !== 1) return false;
  return true;
}

function broken(why: string): HttpError {
  return new HttpError(400, `Cannot read the chunked body: ${why}`);
}
