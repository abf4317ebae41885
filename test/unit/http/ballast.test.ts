// What was read weighs in V8's heap: as much as came, and only where it is more than the objects beside it.
import { expect, test } from 'vitest';

import { ballast, steady, weigh } from '../../../src/http/ballast.ts';

test('a large packet weighs what it holds, a small one nothing, and only the last one is kept', () => {
  weigh(64 * 1024);
  expect(ballast).toHaveLength(8 * 1024); // 8 bytes each
  weigh(1000);
  expect(ballast).toHaveLength(8 * 1024);
  weigh(4096);
  expect(ballast).toHaveLength(512);
});

test('steadying takes no memory that stays, however often it is asked for', () => {
  const before = process.memoryUsage().rss;
  for (let count = 0; count < 100; count += 1) steady();
  expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024);
});
