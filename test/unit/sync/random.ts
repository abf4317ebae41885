// Random numbers that a seed repeats: the seed stands in the message of a test that fails.

export interface Random {
  readonly seed: number;
  below(limit: number): number;
}

/** mulberry32; SEED in the environment repeats a run. */
export function random(seed: number = Number(process.env['SEED'] ?? Date.now() % 1_000_000)): Random {
  let state = seed;
  return {
    seed,
    below(limit) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
    },
  };
}
