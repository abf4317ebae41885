// Threads that die at awkward moments: their own call fails, with the cause; all others are served.
import { expect, test } from 'vitest';

import { parseRef } from '../../../../src/core/load.ts';
import { staged, until } from './staged.ts';

const stuck = new URL('../apps/stuck.ts', import.meta.url).href;

test('between the claim of a call and its start: another thread serves that call', async () => {
  await using stage = await staged({ threads: 2 });
  for (let round = 0; round < 3; round++) {
    const dying = stage.run('/claim-and-die', { query: '3' });
    const others = await Promise.all(Array.from({ length: 10 }, () => stage.run('/sleep', { query: '5' })));
    expect((await dying).failure).toMatchObject({ status: 500, cause: { code: 'THREAD' } });
    for (const call of others) expect([call.ended, call.failure]).toEqual([true, undefined]);
  }
});

test('… also where it was the only thread, and a warm one steps in', async () => {
  await using stage = await staged({ threads: 1, warmThreads: 1 });
  await until(() => stage.pool.spares === 1);
  const dying = stage.run('/claim-and-die', { query: '2' });
  const others = await Promise.all(Array.from({ length: 10 }, () => stage.run('/self')));
  expect((await dying).failure).toMatchObject({ status: 500 });
  for (const call of others) expect(call.ended).toBe(true);
});

test('asleep: nobody is woken in vain', async () => {
  await using stage = await staged({ threads: 2 });
  const first = await Promise.all([stage.run('/die-asleep'), stage.run('/die-asleep')]);
  expect(first.map(({ text }) => text)).toEqual(['soon', 'soon']);
  await stage.lines.find(/has ended with exit code 7/);
  for (let at = 0; at < 50; at++) expect((await stage.run('/self')).ended).toBe(true);
});

test('in a call: the log has the cause, the request, its path and the thread', async () => {
  await using stage = await staged({ threads: 2 });
  const call = await stage.run('/exit');
  const [line] = stage.lines.matching(/^The app failed on GET "\/exit"$/);
  expect(line?.fields).toMatchObject({
    request: call.id,
    error: { message: expect.stringMatching(/^The thread [12] has ended with exit code 7$/) },
  });
});

test('a rejection that nobody handles ends its thread, with its message in the log', async () => {
  await using stage = await staged({ threads: 1 });
  expect((await stage.run('/reject')).text).toBe('soon');
  await stage.lines.find(/^The thread 1 has ended: Error: Nobody handles it; another takes its place$/);
  expect((await stage.run('/self')).ended).toBe(true);
});

test('out of memory, beside others that are served', async () => {
  await using stage = await staged({ threads: 2, resourceLimits: { maxOldGenerationSizeMb: 64 } });
  const dying = stage.run('/memory');
  const others = await Promise.all(Array.from({ length: 20 }, () => stage.run('/sleep', { query: '5' })));
  for (const call of others) expect(call.ended).toBe(true);
  expect((await dying).failure?.message).toMatch(/memory/);
});

test('a spare thread that dies is replaced', async () => {
  const source = { ...parseRef(`${stuck}#doomed`), factory: true };
  await using stage = await staged({ threads: 1, warmThreads: 1 }, source);
  await stage.lines.find(/^The spare thread has ended: Error: Doomed; another takes its place$/);
});

test('a crash loop backs off', async () => {
  const source = { ...parseRef(`${stuck}#doomed`), factory: true };
  await using stage = await staged({ threads: 1 }, source);
  const times: number[] = [];
  await until(() => {
    const count = stage.lines.matching(/thread 1 has ended: Error: Doomed/).length;
    while (times.length < count) times.push(performance.now());
    return count >= 7;
  });
  // 0, 0.1, 0.2, 0.4, 0.8 and 1.6 s, and each time the start itself
  expect((times[6] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(3000);
});
