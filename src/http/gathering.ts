// Small pieces of a body that wait for the end of a turn, gathered: as text while they are few, in a slab from then on.
import { type ByteString, latin1 } from '../core/bytes.ts';

/** Text up to this size leaves in one write with the head. */
const few = 4 * 1024;
const size = 64 * 1024;
/** Slabs that lie ready for whoever streams next: 1 MiB at most. */
const ready: Buffer[] = [];
const most = 16;

/** Pieces are copied: an app may fill the same buffer again. */
export class Gathering {
  #text: ByteString = '';
  #slab: Buffer | null = null;
  #used = 0;

  get length(): number {
    return this.#slab ? this.#used : this.#text.length;
  }

  /** Takes a piece of 4 KiB at most; false where it is full, and what it holds has to leave first. */
  add(piece: Uint8Array): boolean {
    if (this.length + piece.length > size) return false;
    if (!this.#slab && this.#text.length + piece.length <= few) {
      this.#text += latin1(piece);
      return true;
    }
    const slab = this.#slab ?? this.#move();
    slab.set(piece, this.#used);
    this.#used += piece.length;
    return true;
  }

  /** All that it holds, as text or as bytes in a slab, which the caller lets go of; it is empty then. */
  take(): ByteString | Buffer {
    const slab = this.#slab;
    const all = slab ? slab.subarray(0, this.#used) : this.#text;
    this.clear();
    return all;
  }

  clear(): void {
    this.#text = '';
    this.#slab = null;
    this.#used = 0;
  }

  /** Strings of 64 small pieces have to be joined to be written, which costs more than to copy their bytes. */
  #move(): Buffer {
    const slab = ready.pop() ?? Buffer.allocUnsafeSlow(size);
    this.#used = slab.write(this.#text, 'latin1');
    this.#text = '';
    this.#slab = slab;
    return slab;
  }
}

/** Nobody reads these bytes any more: their slab serves another answer. */
export function release(bytes: Uint8Array): void {
  if (bytes.buffer.byteLength === size && ready.length < most) ready.push(Buffer.from(bytes.buffer));
}
