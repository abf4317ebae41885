// Memory in which an answer is put together, so that it leaves in one write; used again as soon as the kernel has it.
import { type ByteString, putBytes } from '../core/bytes.ts';

/** Room for the body, for what is put before it, and for what is put behind it. */
const room = 64 * 1024;
const front = 2 * 1024;
const back = 1024;
/** What lies ready for whoever answers next: 1 MiB at most. */
const ready: Slab[] = [];
const most = 16;

export class Slab {
  readonly #memory: Buffer = Buffer.allocUnsafeSlow(front + room + back);
  #start = front;
  #end = front;

  /** Bytes in it. */
  get length(): number {
    return this.#end - this.#start;
  }

  get full(): boolean {
    return this.#end >= front + room;
  }

  /** Copies bytes behind what is there; false where it has no room for them. */
  add(bytes: Uint8Array): boolean {
    if (this.#end + bytes.length > front + room) return false;
    putBytes(this.#memory, bytes, this.#end);
    this.#end += bytes.length;
    return true;
  }

  /** Puts text before what is there; false where it does not fit. */
  prepend(text: ByteString): boolean {
    if (text.length > this.#start) return false;
    this.#start -= text.length;
    this.#memory.write(text, this.#start, 'latin1');
    return true;
  }

  /** Puts text behind what is there; false where it does not fit. */
  append(text: ByteString): boolean {
    if (text.length > this.#memory.length - this.#end) return false;
    this.#end += this.#memory.write(text, this.#end, 'latin1');
    return true;
  }

  /** What is in it, to be written. */
  get bytes(): Buffer {
    return this.#memory.subarray(this.#start, this.#end);
  }

  clear(): void {
    this.#start = front;
    this.#end = front;
  }
}

/** An empty one. */
export function takeSlab(): Slab {
  return ready.pop() ?? new Slab();
}

/** Nobody reads its bytes any more: it serves another answer. Once only. */
export function releaseSlab(slab: Slab): void {
  slab.clear();
  if (ready.length < most) ready.push(slab);
}
