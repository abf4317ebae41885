// Small pieces of a body that wait for the end of a turn, gathered: as text while they are few, in a slab from then on.
import { type ByteString, latin1 } from '../core/bytes.ts';
import { type Slab, takeSlab } from './slab.ts';

/** Text up to this size leaves in one write with the head. */
const few = 4 * 1024;

/** Pieces are copied: an app may fill the same buffer again. */
export class Gathering {
  #text: ByteString = '';
  #slab: Slab | null = null;

  get length(): number {
    return this.#slab ? this.#slab.length : this.#text.length;
  }

  /** It has no room for one octet more. */
  get full(): boolean {
    return this.#slab?.full === true;
  }

  /** Takes a piece; false where it is full, and what it holds has to leave first. */
  add(piece: Uint8Array): boolean {
    if (this.#slab) return this.#slab.add(piece);
    if (this.#text.length + piece.length > few) return this.#move().add(piece);
    this.#text += latin1(piece);
    return true;
  }

  /** All that it holds. It is done then. */
  take(): ByteString | Slab {
    return this.#slab ?? this.#text;
  }

  /** Strings of 64 small pieces have to be joined to be written, which costs more than to copy their bytes. */
  #move(): Slab {
    const slab = takeSlab();
    slab.append(this.#text);
    this.#slab = slab;
    return slab;
  }
}
