// The ring, the queue and the whole pool at random, on real threads: npm run fuzz:ring does the same for long.
import { randomInt } from 'node:crypto';

import { expect, test } from 'vitest';

import { campaign } from './ring/campaign.ts';
import { queueDuel, ringDuel } from './ring/duel.ts';

const own = randomInt(2 ** 31);
const seeds = [
  ['a known seed', 7],
  ['a new seed', own],
] as const;

test.each(seeds)('two threads lose and double no byte of a ring: %s, %i', async (_, seed) => {
  for (const more of [0, 1]) expect(await ringDuel(seed + more, 100_000)).toBe(100_000);
});

test.each(seeds)('of three threads one alone gets each slot of the queue: %s, %i', async (_, seed) => {
  const { pushed, claimed } = await queueDuel(seed, 3, 5_000);
  expect(claimed, `seed ${seed}`).toEqual(pushed);
});

test.each(seeds)(
  'a pool settles every call once, whole, and has all slots back, whatever dies: %s, --seed %i',
  async (_, seed) => {
    const until = performance.now() + 2500;
    const tally = await campaign({ seed, until, calls: 150, patience: 15_000 });
    expect(tally.faults.join('\n')).toBe('');
    expect(tally.calls).toBeGreaterThan(50);
  },
);
