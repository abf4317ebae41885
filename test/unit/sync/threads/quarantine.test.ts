// Threads in native calls, which nothing can end: replaced at once, kept apart, counted.

import { expect, test } from 'vitest';

import type { Unfit } from '../../../../src/sync/threads/options.ts';
import { TestCall } from '../carrier.ts';
import { staged, until } from './staged.ts';

test('a native call is answered 504 in time, its thread replaced at once, and its slot is free when it is over', async () => {
  await using stage = await staged({ threads: 1, spare: 0, timeout: 200 });
  const order: string[] = [];
  const stuck = stage.run('/exec', { query: '3' }).then((call) => {
    order.push('stuck');
    return call;
  });
  const next = new TestCall({ path: '/self' });
  const waiting = stage.pool.run(next).then(() => order.push('next'));
  expect((await stuck).failure).toMatchObject({ status: 504 });
  expect(stage.pool.quarantined).toBe(1);
  // The one slot is the old thread's until it has exited: nothing else may be written there.
  await stage.lines.find(/native call that nothing can end/);
  expect(order).toEqual(['stuck']);
  await waiting;
  expect(next.ended).toBe(true);
  expect(stage.pool.quarantined).toBe(0);
  expect(stage.lines.matching(/that was in a native call has ended/)).toHaveLength(1);
});

test('others are served meanwhile', async () => {
  await using stage = await staged({ threads: 1, timeout: 200 });
  const stuck = await stage.run('/pbkdf2', { query: '2000000' });
  expect(stuck.failure).toMatchObject({ status: 504 });
  for (let at = 0; at < 20; at++) expect((await stage.run('/self')).ended).toBe(true);
  expect(stage.pool.quarantined).toBe(1);
  await until(() => stage.pool.quarantined === 0);
});

test('beyond the cap none is replaced until one ends: what waits is refused, and the process is called unfit, once', async () => {
  const unfit: Unfit[] = [];
  const onUnfit = (why: Unfit): void => {
    unfit.push(why);
  };
  await using stage = await staged({ threads: 1, maxStuckThreads: 1, timeout: 100, onUnfit });
  const stuck = Array.from({ length: 2 }, () => stage.run('/exec', { query: '4' }));
  const first = await Promise.all(stuck.slice(0, 1));
  expect(first[0]?.failure).toMatchObject({ status: 504 });
  expect((await stuck[1])?.failure).toMatchObject({ status: 504 });
  // Both threads that the pool may have are in a native call.
  expect((await stage.run('/self')).failure).toMatchObject({ status: 503 });
  await until(() => unfit.length > 0);
  expect(unfit[0]?.why.message).toMatch(/^2 threads are in native calls that nothing can end, and 1 may be/);
  await until(() => stage.pool.quarantined < 2);
  const later = async (): Promise<boolean> => (await stage.run('/self')).ended;
  while (!(await later()));
  expect(unfit).toHaveLength(1);
});

test('JavaScript that is stuck in all threads at once is no native call', async () => {
  const unfit: Unfit[] = [];
  await using stage = await staged({
    threads: 3,
    maxStuckThreads: 0,
    timeout: 100,
    onUnfit: (why) => unfit.push(why),
  });
  const stuck = await Promise.all(Array.from({ length: 3 }, () => stage.run('/loop')));
  for (const call of stuck) expect(call.failure).toMatchObject({ status: 504 });
  await until(() => stage.pool.quarantined === 0);
  const lanes = await Promise.all(Array.from({ length: 6 }, () => stage.run('/self')));
  for (const call of lanes) expect(call.ended).toBe(true);
  expect(unfit).toEqual([]);
});
