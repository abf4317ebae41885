// What one call of the fuzzer does, on both sides of the wall: the loop and the thread derive the same plan from a seed.
import { Seeded, seedOf } from '../seeded.ts';

export interface Plan {
  readonly index: number;
  /** Bytes of the request's body, in so many pieces at most. */
  readonly up: number;
  readonly upPieces: number;
  /** Of how many pieces one is still on its way; 0: none. */
  readonly late: number;
  readonly length: 'declared' | 'unknown' | 'expect';
  /** The body breaks off with this status after some bytes; 0 where the client broke off, null where it is whole. */
  readonly breaks: number | null;
  readonly reading: 'all' | 'pieces' | 'lines' | 'half' | 'none' | 'between';
  readonly down: number;
  readonly downPieces: number;
  readonly answer: 'list' | 'generator' | 'write' | 'closing';
  /** Characters of one more header in the request, and in the answer: beyond 32 KiB heads go by message. */
  readonly wide: number;
  readonly wideAnswer: number;
  /** The app blocks so long, in ms. */
  readonly nap: number;
  /** What the app does at its step number `step`; it need not come so far. */
  readonly fault: { readonly kind: 'throw' | 'exit' | 'reject'; readonly step: number } | null;
  /** When the client leaves: at an event of the carrier's, or after so many ms. */
  readonly leaves: { readonly event: number } | { readonly ms: number } | null;
  /** Of how many writes one waits for the client; 0: none. */
  readonly slow: number;
}

/** Rings are 64 KiB: one byte less and more than them are what goes wrong first. */
const edges = [0, 1, 2, 1024, 10_000, 65_535, 65_536, 65_537, 131_072, 200_000];

export interface Kinds {
  /** May threads die in this episode? */
  readonly deaths: boolean;
}

export function planOf(run: number, index: number, { deaths }: Kinds): Plan {
  const chance = new Seeded(seedOf(run, index));
  const size = (): number => (chance.once(2) ? chance.pick(edges) : chance.below(1 + chance.below(90_000)));
  const up = chance.once(3) ? 0 : size();
  return {
    index,
    up,
    upPieces: 1 + chance.below(chance.once(3) ? 40 : 4),
    late: chance.once(3) ? 1 + chance.below(4) : 0,
    length: chance.pick(['declared', 'declared', 'unknown', 'expect']),
    breaks: up > 0 && chance.once(16) ? chance.pick([0, 400, 413]) : null,
    reading: chance.pick(['all', 'pieces', 'pieces', 'lines', 'half', 'none', 'between']),
    down: size(),
    downPieces: 1 + chance.below(chance.once(4) ? 60 : 5),
    answer: chance.pick(['list', 'list', 'generator', 'generator', 'write', 'closing']),
    wide: chance.once(24) ? 40_000 : 0,
    wideAnswer: chance.once(24) ? 40_000 : 0,
    nap: chance.once(6) ? chance.below(12) : 0,
    fault: faultOf(chance, deaths),
    leaves: chance.once(6) ? leavesOf(chance) : null,
    slow: chance.once(5) ? 1 + chance.below(3) : 0,
  };
}

function faultOf(chance: Seeded, deaths: boolean): Plan['fault'] {
  const kind = chance.pick(['throw', 'throw', 'exit', 'reject'] as const);
  const step = chance.below(chance.once(3) ? 30 : 6);
  return chance.once(12) && (deaths || kind === 'throw') ? { kind, step } : null;
}

function leavesOf(chance: Seeded): Plan['leaves'] {
  return chance.once(2) ? { event: chance.below(chance.once(3) ? 40 : 6) } : { ms: chance.below(30) };
}

/** Keys of what goes up and what comes down. */
export function keysOf(run: number, index: number): readonly [up: number, down: number] {
  return [seedOf(run ^ 0x55aa, index), seedOf(run ^ 0xaa55, index)];
}

/** Sizes that sum up to `total`. */
export function sizesOf(chance: Seeded, total: number, pieces: number): number[] {
  const cuts = [...chance.cuts(total, pieces), total];
  return cuts.map((cut, index) => cut - (cuts[index - 1] ?? 0)).filter((size) => size > 0);
}
