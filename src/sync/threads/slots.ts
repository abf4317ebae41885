// The pool's shared memory: a slot a call, the queue that all threads pull from, and the bells of those who sleep.
import { Ring } from './ring.ts';
import { state, type Word, word } from './words.ts';

/** What crosses to a thread: all else follows from it. */
export interface SlotsHandle {
  readonly memory: SharedArrayBuffer;
  readonly threads: number;
  readonly slots: number;
  /** Bytes of each ring; a power of two. */
  readonly ring: number;
}

const counters = [
  word.inWritten,
  word.inRead,
  word.outWritten,
  word.outRead,
  word.outFlags,
  word.inStalled,
  word.hints,
];
const line = 16;
const slotWords = 64;
/** Where the times of a traced call are, in float64s from the start of the slot's words. */
const timesAt = 24;
const headSize = 32 * 1024;

const control = {
  head: 0,
  tail: line,
  wake: 2 * line,
  closing: 3 * line,
  lines: 4 * line,
  service: 5 * line,
  sleepers: 6 * line,
} as const;

export class Slots {
  readonly handle: SlotsHandle;
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly #dirty: number;
  readonly #dirtyWords: number;
  readonly #bells: number;
  readonly #sleeperWords: number;
  readonly #queue: number;
  readonly #queueMask: number;
  readonly #first: number;
  readonly #regions: readonly Regions[];

  constructor(handle: SlotsHandle) {
    this.handle = handle;
    const shape = shapeOf(handle);
    this.words = new Int32Array(handle.memory, 0, shape.words);
    this.times = new Float64Array(handle.memory, 0, shape.words / 2);
    this.#sleeperWords = shape.sleeperWords;
    this.#dirtyWords = shape.dirtyWords;
    this.#dirty = shape.dirty;
    this.#bells = shape.bells;
    this.#queue = shape.queue;
    this.#queueMask = shape.capacity - 1;
    this.#first = shape.first;
    this.#regions = Array.from({ length: handle.slots }, (_, slot) => this.#cut(slot, shape.words * 4));
  }

  static make(threads: number, slots: number, ring: number): Slots {
    const shape = shapeOf({ threads, slots });
    const size = shape.words * 4 + slots * 2 * (headSize + ring);
    return new Slots({ memory: new SharedArrayBuffer(size), threads, slots, ring });
  }

  /* ── one slot ─────────────────────────────────────────────────────── */

  at(slot: number, at: Word): number {
    return this.#first + slot * slotWords + at;
  }

  get(slot: number, at: Word): number {
    return Atomics.load(this.words, this.at(slot, at));
  }

  set(slot: number, at: Word, value: number): void {
    Atomics.store(this.words, this.at(slot, at), value);
  }

  /** For the loop: a free slot begins anew, and says by its generation that it is another. */
  renew(slot: number): void {
    const { words } = this;
    const base = this.#first + slot * slotWords;
    // Plain stores: nobody looks before the state, which is stored after them, says that it is ready.
    for (const index of counters) words[base + index] = 0;
    words[base + word.generation] = ((words[base + word.generation] ?? 0) + 1) | 0;
  }

  /** For the side that owns the word, or after it has seen a state that was stored behind it. */
  peek(slot: number, at: Word): number {
    return this.words[this.#first + slot * slotWords + at] ?? 0;
  }

  /** Before a state, or another word that the other side looks at, is stored. */
  put(slot: number, at: Word, value: number): void {
    this.words[this.#first + slot * slotWords + at] = value;
  }

  /** Sets bits; gives the value before. */
  add(slot: number, at: Word, bits: number): number {
    return Atomics.or(this.words, this.at(slot, at), bits);
  }

  /** For the loop: takes back flags that it has set. */
  clear(slot: number, bits: number): void {
    Atomics.and(this.words, this.at(slot, word.inFlags), ~bits);
  }

  /** From one state to another; false where it was not in the first. */
  turn(slot: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.words, this.at(slot, word.state), from, to) === from;
  }

  /** Index into `times`: when the app was entered, and one on, when it was left; ms since the epoch. */
  time(slot: number): number {
    return (this.#first + slot * slotWords) / 2 + timesAt;
  }

  in(slot: number): Ring {
    return this.#region(slot).in;
  }

  out(slot: number): Ring {
    return this.#region(slot).out;
  }

  environ(slot: number): Buffer {
    return this.#region(slot).environ;
  }

  /** The same memory as `environ`. */
  table(slot: number): Int32Array {
    return this.#region(slot).table;
  }

  /** The out-ring's memory, of a slot whose ring is not used yet. */
  wire(slot: number): Buffer {
    return this.#region(slot).wire;
  }

  head(slot: number): Buffer {
    return this.#region(slot).head;
  }

  /** For the loop: something changed that a blocked thread may wait for. */
  ring(slot: number): void {
    const bell = this.at(slot, word.bell);
    Atomics.add(this.words, bell, 1);
    if (Atomics.load(this.words, this.at(slot, word.waiting)) === 1) Atomics.notify(this.words, bell, 1);
  }

  /** For a thread: blocks until `ready` holds, asked again whenever the loop rings; false where `timeout` ms passed before. */
  wait(slot: number, ready: () => boolean, timeout: number = Number.POSITIVE_INFINITY): boolean {
    const bell = this.at(slot, word.bell);
    const waiting = this.at(slot, word.waiting);
    const end = performance.now() + timeout;
    for (;;) {
      const seen = Atomics.load(this.words, bell);
      if (ready()) return true;
      const left = end - performance.now();
      if (left <= 0) return false;
      Atomics.store(this.words, waiting, 1);
      Atomics.wait(this.words, bell, seen, left);
      Atomics.store(this.words, waiting, 0);
    }
  }

  /* ── the queue ────────────────────────────────────────────────────── */

  /** For the loop. A slot stands in it at most twice, and the capacity is four times the slots. */
  push(slot: number): void {
    const tail = Atomics.load(this.words, control.tail);
    Atomics.store(this.words, this.#queue + (tail & this.#queueMask), slot);
    Atomics.store(this.words, control.tail, (tail + 1) | 0);
  }

  /** For any thread: the slot at the head of the queue, or -1. */
  claim(): number {
    for (;;) {
      const head = Atomics.load(this.words, control.head);
      if (head === Atomics.load(this.words, control.tail)) return -1;
      const slot = Atomics.load(this.words, this.#queue + (head & this.#queueMask));
      if (Atomics.compareExchange(this.words, control.head, head, (head + 1) | 0) === head) return slot;
    }
  }

  /** How many calls the threads have taken; it wraps. */
  get claims(): number {
    return Atomics.load(this.words, control.head);
  }

  get queued(): number {
    return (Atomics.load(this.words, control.tail) - Atomics.load(this.words, control.head)) | 0;
  }

  /** For the loop, after a thread died: ready slots that the queue has lost with it. */
  requeue(): void {
    const standing = new Set<number>();
    const tail = Atomics.load(this.words, control.tail);
    for (let at = Atomics.load(this.words, control.head); at !== tail; at = (at + 1) | 0) {
      standing.add(Atomics.load(this.words, this.#queue + (at & this.#queueMask)));
    }
    for (let slot = 0; slot < this.handle.slots; slot++) {
      const now = this.get(slot, word.state);
      if ((now === state.ready || now === state.cancelled) && !standing.has(slot)) this.push(slot);
    }
  }

  /* ── who sleeps ───────────────────────────────────────────────────── */

  /** The word that a thread with nothing to do waits on. */
  bell(thread: number): number {
    return this.#bells + thread * line;
  }

  /** A thread says that it will sleep; it must look at the queue once more after that. */
  lieDown(thread: number): void {
    Atomics.or(this.words, control.sleepers + (thread >>> 5), 1 << (thread & 31));
  }

  /** It is up, or dead. True where it had lain down until now. */
  getUp(thread: number): boolean {
    const bit = 1 << (thread & 31);
    return (Atomics.and(this.words, control.sleepers + (thread >>> 5), ~bit) & bit) !== 0;
  }

  /** How many sleep. */
  get asleep(): number {
    let count = 0;
    for (let index = 0; index < this.#sleeperWords; index++) {
      for (let bits = Atomics.load(this.words, control.sleepers + index); bits !== 0; bits &= bits - 1)
        count += 1;
    }
    return count;
  }

  /** µs that a call takes of late: a hint, which whoever knows better writes over. */
  get service(): number {
    return this.words[control.service] ?? 0;
  }

  set service(service: number) {
    this.words[control.service] = service;
  }

  /** Wakes one sleeper, always the lowest: a few hot threads serve most, and the others' caches stay cold (LIFO). */
  wakeOne(): boolean {
    for (let index = 0; index < this.#sleeperWords; index++) {
      for (;;) {
        const bits = Atomics.load(this.words, control.sleepers + index);
        if (bits === 0) break;
        const thread = index * 32 + (31 - Math.clz32(bits & -bits));
        if (!this.getUp(thread)) continue;
        this.#wake(thread);
        return true;
      }
    }
    return false;
  }

  /** Every thread finds `closing` set, and ends. */
  shut(): void {
    Atomics.store(this.words, control.closing, 1);
    for (let thread = 0; thread < this.handle.threads; thread++) this.#wake(thread);
  }

  get closing(): boolean {
    return Atomics.load(this.words, control.closing) === 1;
  }

  /* ── who leaves ───────────────────────────────────────────────────── */

  /** For the loop: the thread at this index takes no call any more, and says `left` when it is done with its last one. */
  dismiss(thread: number): void {
    Atomics.store(this.words, this.bell(thread) + 1, 1);
    this.#wake(thread);
  }

  dismissed(thread: number): boolean {
    return Atomics.load(this.words, this.bell(thread) + 1) === 1;
  }

  /** For the loop: another thread takes this index. */
  seat(thread: number): void {
    this.getUp(thread);
    Atomics.store(this.words, this.bell(thread) + 1, 0);
  }

  /* ── what changed, from the threads to the loop ───────────────────── */

  /** For a thread: the loop must look at this slot. True where the loop has to be woken by a message. */
  mark(slot: number): boolean {
    const bit = 1 << (slot & 31);
    const before = Atomics.or(this.words, this.#dirty + (slot >>> 5), bit);
    if ((before & bit) !== 0) return false;
    return Atomics.exchange(this.words, control.wake, 1) === 0;
  }

  /** Lines for the log that the loop has not read yet; `more` is 1 or -1. Gives how many there were. */
  countLine(more: 1 | -1): number {
    return Atomics.add(this.words, control.lines, more);
  }

  /** For the loop: has a thread called since the last look? */
  get called(): boolean {
    return Atomics.load(this.words, control.wake) === 1;
  }

  /** For the loop: the slots to look at. The call is taken back first, so that a later one is not lost. */
  changed(look: (slot: number) => void): void {
    Atomics.store(this.words, control.wake, 0);
    for (let index = 0; index < this.#dirtyWords; index++) {
      let bits = Atomics.exchange(this.words, this.#dirty + index, 0);
      while (bits !== 0) {
        const lowest = bits & -bits;
        bits ^= lowest;
        look(index * 32 + (31 - Math.clz32(lowest)));
      }
    }
  }

  #wake(thread: number): void {
    Atomics.add(this.words, this.bell(thread), 1);
    Atomics.notify(this.words, this.bell(thread), 1);
  }

  #region(slot: number): Regions {
    const region = this.#regions[slot];
    if (!region) throw new RangeError(`There is no slot ${slot}`);
    return region;
  }

  #cut(slot: number, start: number): Regions {
    const { memory, ring } = this.handle;
    const at = start + slot * 2 * (headSize + ring);
    const words = this.words;
    const bytes = new Uint8Array(memory, at + 2 * headSize, 2 * ring);
    return {
      environ: Buffer.from(memory, at, headSize),
      table: new Int32Array(memory, at, headSize / 4),
      wire: Buffer.from(memory, at + 2 * headSize + ring, ring),
      head: Buffer.from(memory, at + headSize, headSize),
      in: new Ring(words, this.at(slot, word.inWritten), this.at(slot, word.inRead), bytes.subarray(0, ring)),
      out: new Ring(words, this.at(slot, word.outWritten), this.at(slot, word.outRead), bytes.subarray(ring)),
    };
  }
}

interface Regions {
  readonly environ: Buffer;
  readonly table: Int32Array;
  readonly wire: Buffer;
  readonly head: Buffer;
  readonly in: Ring;
  readonly out: Ring;
}

interface Shape {
  readonly sleeperWords: number;
  readonly dirtyWords: number;
  readonly dirty: number;
  readonly bells: number;
  readonly queue: number;
  readonly capacity: number;
  readonly first: number;
  readonly words: number;
}

/** Where everything is, in words from the start. */
function shapeOf({ threads, slots }: Pick<SlotsHandle, 'threads' | 'slots'>): Shape {
  const sleeperWords = Math.ceil(threads / 32);
  const dirtyWords = Math.ceil(slots / 32);
  const capacity = 2 ** Math.ceil(Math.log2(slots * 4));
  const dirty = control.sleepers + wholeLines(sleeperWords);
  const bells = dirty + wholeLines(dirtyWords);
  const queue = bells + threads * line;
  const first = queue + wholeLines(capacity);
  return { sleeperWords, dirtyWords, dirty, bells, queue, capacity, first, words: first + slots * slotWords };
}

function wholeLines(words: number): number {
  return Math.ceil(words / line) * line;
}
