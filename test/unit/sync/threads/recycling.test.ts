// Threads that have served long enough, or hold too much: fresh ones take their places, and no call is lost.
import { describe, expect, test } from 'vitest';

import { Wear } from '../../../../src/sync/threads/wear.ts';
import { type Staged, staged } from './staged.ts';

async function selves(stage: Staged, count: number): Promise<string[]> {
  const calls = await Promise.all(Array.from({ length: count }, () => stage.run('/self')));
  for (const call of calls) expect(call.ended).toBe(true);
  return calls.map((call) => call.text);
}

/** Serves until so many copies of the app have been seen. */
async function seen(stage: Staged, count: number): Promise<Map<string, number>> {
  const all = new Map<string, number>();
  while (all.size < count)
    for (const self of await selves(stage, 10)) all.set(self, (all.get(self) ?? 0) + 1);
  return all;
}

describe('by calls', () => {
  test('each thread is replaced after so many, none of them fails, and none dies', async () => {
    await using stage = await staged({ threads: 2, maxRequests: 50, timeout: 0 });
    const all = await seen(stage, 8);
    for (const count of [...all.values()].slice(0, 4)) expect(count).toBeGreaterThanOrEqual(50);
    expect(stage.lines.matching(/will be replaced: it has served 50 requests$/).length).toBeGreaterThan(3);
    expect(stage.lines.all.filter(({ level }) => level !== 'info')).toEqual([]);
  });

  test('the only thread too, and in block mode', async () => {
    await using stage = await staged({ threads: 1, maxRequests: 20, threadMode: 'block' });
    await seen(stage, 4);
    expect(stage.lines.all.filter(({ level }) => level !== 'info')).toEqual([]);
  });

  test('one after the other, where all are due at once', async () => {
    await using stage = await staged({ threads: 4, maxRequests: 10, warmThreads: 0 });
    await seen(stage, 12);
  });

  test('jitter spreads it', async () => {
    await using stage = await staged({ threads: 4, maxRequests: 100, maxRequestsJitter: 1_000_000 });
    for (let round = 0; round < 4; round++) await selves(stage, 500);
    expect(stage.lines.matching(/will be replaced/)).toEqual([]);
  });

  test('a fresh thread that cannot be started: the old ones serve on', async () => {
    const { href } = new URL('../apps/once.ts', import.meta.url);
    const memory = new Int32Array(new SharedArrayBuffer(4));
    const argument = () => ({ value: memory, transfer: [] });
    const source = { url: href, name: 'once', shown: 'once.ts', factory: true };
    await using stage = await staged({ threads: 2, maxRequests: 5, argument }, source);
    const before = new Set(await selves(stage, 40));
    await stage.lines.find(/spare thread cannot be started/);
    for (const self of await selves(stage, 40)) expect(before).toContain(self);
  });
});

describe('by memory', () => {
  test('a thread that holds more than the limit is replaced', async () => {
    await using stage = await staged({ threads: 1, maxThreadMemory: 80 * 2 ** 20 });
    const { text } = await stage.run('/keep', { query: String(100 * 2 ** 20) });
    while ((await stage.run('/self')).text === text);
    expect(stage.lines.matching(/it holds 1\d\d MiB, and 80 MiB are its limit$/)).toHaveLength(1);
    expect(stage.lines.all.filter(({ level }) => level !== 'info')).toEqual([]);
  });

  test('one look in a while, not one a call; and it is said once', () => {
    const wear = new Wear(0, 1);
    expect([wear.worn(0), wear.worn(100)]).toEqual([undefined, undefined]);
    expect(wear.worn(300)).toMatch(/MiB/);
    expect(wear.worn(1000)).toBeUndefined();
  });
});
