// Sleep that blocks.
import { expect, test } from 'vitest';

import { sleep } from '../../../src/sync/sleep.ts';

test('nothing else runs meanwhile', async () => {
  let ran = false;
  const timer = setTimeout(() => {
    ran = true;
  }, 0);
  const from = performance.now();
  sleep(30);
  expect(performance.now() - from).toBeGreaterThanOrEqual(29);
  expect(ran).toBe(false);
  clearTimeout(timer);
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 31, '10', undefined, 10n])(
  '%s is no time',
  (ms) => {
    expect(() => sleep(ms as number)).toThrow(/^Cannot sleep .* ms: give a number from 0 to 2147483647$/);
  },
);

test('no time, and a part of a millisecond, are times', () => {
  expect([sleep(0), sleep(0.5), sleep(-0)]).toEqual([undefined, undefined, undefined]);
});
