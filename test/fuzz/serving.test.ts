// A whole server at random, over real sockets and on real threads: npm run fuzz:ring does the same for long.
import { randomInt } from 'node:crypto';

import { expect, test } from 'vitest';

import { seedOf } from './seeded.ts';
import { serve } from './serving/episode.ts';

const seeds = [
  ['a known seed', 1],
  ['a new seed', randomInt(2 ** 31)],
] as const;

test.each(seeds)(
  'a server gives every request its own answer, to the byte, and has all slots back: %s, --seed %i',
  { timeout: 40_000 },
  async (_, seed) => {
    const until = performance.now() + 2500;
    for (let index = 0; performance.now() < until; index += 1) {
      const { answered, faults } = await serve({
        seed: seedOf(seed, index),
        requests: 60,
        patience: 15_000,
        stuck: false,
      });
      expect(faults.join('\n'), `--seed ${seed}, episode ${index}`).toBe('');
      expect(answered).toBeGreaterThan(30);
    }
  },
);
