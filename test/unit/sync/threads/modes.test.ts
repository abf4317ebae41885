// How a thread waits for calls: in its event loop, or in Atomics.wait.
import { expect, test } from 'vitest';

import type { Unfit } from '../../../../src/sync/threads/options.ts';
import { TestCall } from '../carrier.ts';
import { staged, until } from './staged.ts';

test('block: calls are served, blocked, streamed, cut and ended as ever', async () => {
  await using stage = await staged({ threads: 2, threadMode: 'block', timeout: 400, warmThreads: 1 });
  const calls = await Promise.all(Array.from({ length: 200 }, () => stage.run('/self')));
  expect(calls.every(({ ended }) => ended)).toBe(true);
  expect((await stage.run('/uptake', { method: 'POST', body: [Buffer.alloc(200_000)] })).text).toBe(
    'all taken',
  );
  const flood = new TestCall({ path: '/flood', keep: false, room: () => new Promise(() => {}) });
  const running = stage.pool.run(flood);
  await flood.first.promise;
  flood.leave();
  await running;
  expect((await stage.run('/loop')).failure).toMatchObject({ status: 504 });
  await until(() => stage.pool.spares === 1);
  const after = await Promise.all(Array.from({ length: 200 }, () => stage.run('/self')));
  expect(after.every(({ ended }) => ended)).toBe(true);
});

test('block: timers and promises do not run between calls; wa: they do', async () => {
  await using block = await staged({ threads: 1, threadMode: 'block' });
  for (let at = 0; at < 20; at++) await block.run('/sleep', { query: '5' });
  await block.run('/ticks');
  expect((await block.run('/ticks')).text).toBe('0 0');
  await using wa = await staged({ threads: 1 });
  // bounded by the test's own time: a loop that does not live would keep them at 0
  for (let text = '0 0'; !/^[1-9]\d* [1-9]/.test(text); ) text = (await wa.run('/ticks')).text;
});

test('block: close ends threads that sleep, at once', async () => {
  const unfit: Unfit[] = [];
  const stage = await staged({ threads: 3, threadMode: 'block', onUnfit: (why) => unfit.push(why) });
  await stage.run('/self');
  await stage.pool.close();
  expect(unfit).toEqual([]);
});
