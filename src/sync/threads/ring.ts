// A ring of bytes in shared memory: one side puts, the other takes, and neither waits here.

import { putBytes } from '../../core/bytes.ts';

/**
 * Pure bytes, no records, so pieces that lie side by side leave as one. The positions are free-running 32-bit counters in
 * the slot's words: `written` is stored by the putting side alone, `read` by the taking side alone.
 */
export class Ring {
  readonly size: number;
  readonly #words: Int32Array;
  readonly #written: number;
  readonly #read: number;
  readonly #bytes: Buffer;
  readonly #mask: number;

  /** `bytes.length` is a power of two; `written` and `read` are indices into `words`. */
  constructor(words: Int32Array, written: number, read: number, bytes: Uint8Array) {
    this.#words = words;
    this.#written = written;
    this.#read = read;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.size = bytes.length;
    this.#mask = bytes.length - 1;
  }

  /** Bytes that can be taken. */
  get used(): number {
    return (Atomics.load(this.#words, this.#written) - Atomics.load(this.#words, this.#read)) | 0;
  }

  /** Puts as much of `chunk` from `from` on as there is room for; says how many bytes. */
  put(chunk: Uint8Array, from = 0): number {
    const written = Atomics.load(this.#words, this.#written);
    const room = this.size - ((written - Atomics.load(this.#words, this.#read)) | 0);
    const count = Math.min(room, chunk.length - from);
    if (count <= 0) return 0;
    const at = written & this.#mask;
    const first = Math.min(count, this.size - at);
    const whole = from === 0 && first === chunk.length;
    putBytes(this.#bytes, whole ? chunk : chunk.subarray(from, from + first), at);
    if (first < count) putBytes(this.#bytes, chunk.subarray(from + first, from + count), 0);
    // The bytes first, then the position that shows them.
    Atomics.store(this.#words, this.#written, (written + count) | 0);
    return count;
  }

  /** All that can be taken, in the ring's own memory: it stays until advance(). null where there is nothing, or it is in two parts. */
  view(): Uint8Array | null {
    const read = Atomics.load(this.#words, this.#read);
    const used = (Atomics.load(this.#words, this.#written) - read) | 0;
    const at = read & this.#mask;
    return used <= 0 || at + used > this.size ? null : this.#bytes.subarray(at, at + used);
  }

  /** So many bytes of the view are taken. */
  advance(count: number): void {
    Atomics.store(this.#words, this.#read, (Atomics.load(this.#words, this.#read) + count) | 0);
  }

  /** Takes all there is, at most `limit` bytes, as a copy; null where there is nothing. */
  take(limit: number = this.size): Uint8Array | null {
    const read = Atomics.load(this.#words, this.#read);
    const used = (Atomics.load(this.#words, this.#written) - read) | 0;
    const count = Math.min(used, limit);
    if (count <= 0) return null;
    const copy = Buffer.allocUnsafe(count);
    const at = read & this.#mask;
    const first = Math.min(count, this.size - at);
    putBytes(copy, this.#bytes.subarray(at, at + first), 0);
    if (first < count) putBytes(copy, this.#bytes.subarray(0, count - first), first);
    Atomics.store(this.#words, this.#read, (read + count) | 0);
    return copy;
  }
}
