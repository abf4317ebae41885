// The matrix itself: a gap has a reason, and the six carriers are there.
import { expect, test } from 'vitest';

import { type Can, carriers } from './matrix.ts';

test('the carriers are those of the house', () => {
  expect(carriers.map(({ title }) => title)).toEqual([
    'sync inline',
    'sync threads',
    'async',
    'async ← sync inline',
    'async ← sync threads',
    'sync threads ← async',
    'sync inline (node)',
    'sync threads (node)',
    'async (node)',
    'async ← sync threads (node)',
    'sync threads ← async (node)',
  ]);
});

test('a carrier that cannot do something says why', () => {
  for (const { can, gaps } of carriers) {
    for (const [gap, reason] of Object.entries(gaps)) {
      expect(can.has(gap as Can)).toBe(false);
      expect(reason).toMatch(/ /);
    }
    expect(can.has('http')).toBe(true);
  }
});
