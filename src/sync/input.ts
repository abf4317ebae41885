// wsgi.input: a request body that a sync app can read, and block on.
import { concat, noBytes } from '../core/bytes.ts';
import { ContractError } from '../core/errors.ts';
import type { InputStream } from './interface.ts';

/** Where the body comes from: the ring of a slot, or what was buffered before an inline call. */
export interface Source {
  /**
   * The next piece, never empty, in memory that nobody else writes to; null at the end, again and again. Blocks until
   * there is one. Throws Disconnected where the upload broke off, HttpError where the body is malformed, late or too large.
   */
  next(): Uint8Array | null;
  /** Would next() return, or throw, without blocking? To ask is to want: a client that waits for `100 Continue` gets it. */
  readonly ready: boolean;
  /** Waits until it is ready, at most `timeout` ms; says whether it is. A source without it is ready always. */
  wait?(timeout: number): boolean;
}

const newline = 10;

/** PEP 3333, "Input and Error Streams". It is dead once the request is over: what an app kept of it reads nobody's body. */
export class Input implements InputStream {
  #source: Source | null;
  #rest: Uint8Array = noBytes;

  constructor(source: Source) {
    this.#source = source;
  }

  /** The server's: the body comes from here. Not on the contract's InputStream. */
  from(source: Source): void {
    this.#source = source;
  }

  /** Blocks until `size` bytes are there, or the end; the rest of the body where `size` is left out or negative. */
  read(size?: number): Uint8Array {
    let wanted = limitOf(size, 'read');
    const pieces: Uint8Array[] = [];
    while (wanted > 0 && this.#fill()) {
      const piece = this.#take(Math.min(wanted, this.#rest.length));
      wanted -= piece.length;
      pieces.push(piece);
    }
    return concat(pieces);
  }

  /** Up to and with the next newline, at most `limit` bytes. */
  readline(limit?: number): Uint8Array {
    let wanted = limitOf(limit, 'readline');
    const pieces: Uint8Array[] = [];
    while (wanted > 0 && this.#fill()) {
      const found = this.#rest.indexOf(newline);
      const line = found < 0 ? this.#rest.length : found + 1;
      const piece = this.#take(Math.min(wanted, line));
      wanted -= piece.length;
      pieces.push(piece);
      if (piece.at(-1) === newline) break;
    }
    return concat(pieces);
  }

  /** Whole lines; no more of them once `hint` bytes have been read. */
  readlines(hint?: number): Uint8Array[] {
    const enough = hint === 0 ? Number.POSITIVE_INFINITY : limitOf(hint, 'readlines');
    const lines: Uint8Array[] = [];
    let total = 0;
    while (total < enough) {
      const line = this.readline();
      if (line.length === 0) break;
      total += line.length;
      lines.push(line);
    }
    return lines;
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, void> {
    for (let line = this.readline(); line.length > 0; line = this.readline()) yield line;
  }

  /** Beyond the contract: what is there, at most `limit` bytes; blocks for the first of them only. */
  readSome(limit: number): Uint8Array {
    return limit > 0 && this.#fill() ? this.#take(Math.min(limit, this.#rest.length)) : noBytes;
  }

  /** Beyond the contract: would readSome() return, or throw, at once? Waits for that, at most `timeout` ms. */
  ready(timeout = 0): boolean {
    const source = this.#source;
    return (
      this.#rest.length > 0 || !source || source.ready || (timeout > 0 && source.wait?.(timeout) === true)
    );
  }

  /** The server's streams are the server's to close (W-37). */
  close(): never {
    throw new ContractError('W-37', 'wsgi.input was closed by the app: leave that to the server');
  }

  /** The server's, when the call is over. Not on the contract's InputStream. */
  expire(): void {
    this.#source = null;
    this.#rest = noBytes;
  }

  /** Is there a byte to take? */
  #fill(): boolean {
    if (!this.#source) throw new ContractError('W-30', 'wsgi.input was read after its request was over');
    if (this.#rest.length > 0) return true;
    this.#rest = this.#source.next() ?? noBytes;
    return this.#rest.length > 0;
  }

  #take(count: number): Uint8Array {
    const piece = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return piece;
  }
}

function limitOf(size: number | undefined, method: string): number {
  if (size === undefined || size === null || size < 0) return Number.POSITIVE_INFINITY;
  if (!Number.isInteger(size)) {
    throw new ContractError('W-30', `wsgi.input.${method}() got "${String(size)}": give a number of bytes`);
  }
  return size;
}
