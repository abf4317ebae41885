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
