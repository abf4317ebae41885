// Random choices that are the same for the same seed.

export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 up to, and without, `below` (mulberry32). */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new RangeError('Cannot pick from an empty list');
    return picked;
  }

  /** Where to cut `length` bytes into at most `count` pieces that are not empty: sorted, each once. */
  cuts(length: number, count: number): number[] {
    if (length < 2) return [];
    const cuts = new Set<number>();
    for (let at = 1; at < count; at += 1) cuts.add(1 + this.below(length - 1));
    return [...cuts].sort((a, b) => a - b);
  }
}

/** The seed of case `index` of a run: neighbours have nothing in common. */
export function seedOf(run: number, index: number): number {
  let mixed = Math.imul(run ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 13)) | 0;
}
