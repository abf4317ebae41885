// Bytes that only their key and their place decide: whoever holds a piece can tell whether it is the right one.

export class Stream {
  readonly #key: number;
  /** How many bytes were given, or were seen to be right. */
  at = 0;

  constructor(key: number) {
    this.#key = key | 0;
  }

  next(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index += 1) bytes[index] = byteAt(this.#key, this.at + index);
    this.at += count;
    return bytes;
  }

  /** True where `bytes` are the next ones; else `at` says which was the first wrong one. */
  holds(bytes: Uint8Array): boolean {
    for (let index = 0; index < bytes.length; index += 1) {
      if (bytes[index] !== byteAt(this.#key, this.at)) return false;
      this.at += 1;
    }
    return true;
  }
}

function byteAt(key: number, index: number): number {
  const mixed = Math.imul(key ^ index, 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 24;
}
