// The pieces of a body in order: small ones are joined, so that a client who sends single bytes costs no more than they weigh.

/** Bytes: pieces are joined up to here. */
const blockSize = 64 * 1024;
const firstSize = 1024;

export class Blocks {
  #full: Uint8Array[] = [];
  /** The last block; the first #filled bytes of it are used. */
  #last: Uint8Array | null = null;
  #filled = 0;
  /** The last block is memory of our own, which may have room. */
  #own = false;

  /** Takes the piece as its own, or a copy of it. */
  push(piece: Uint8Array): void {
    const together = this.#filled + piece.length;
    if (!this.#last || together > blockSize) {
      this.#seal();
      this.#last = piece;
      this.#filled = piece.length;
      return;
    }
    if (!this.#own || together > this.#last.length) this.#grow(this.#last, together);
    this.#last.set(piece, this.#filled);
    this.#filled = together;
  }

  /** The first block, taken out. There are never so many that their number matters: two neighbours hold 64 KiB. */
  shift(): Uint8Array | undefined {
    if (this.#full.length === 0) this.#seal();
    return this.#full.shift();
  }

  /** All of them, taken out. */
  takeAll(): Uint8Array[] {
    this.#seal();
    const all = this.#full;
    this.#full = [];
    return all;
  }

  #seal(): void {
    if (this.#last) this.#full.push(this.#last.subarray(0, this.#filled));
    this.#last = null;
    this.#filled = 0;
    this.#own = false;
  }

  #grow(last: Uint8Array, needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.min(blockSize, Math.max(firstSize, needed * 2)));
    larger.set(last.subarray(0, this.#filled));
    this.#last = larger;
    this.#own = true;
  }
}
