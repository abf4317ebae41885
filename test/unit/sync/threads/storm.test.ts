// Everything at once, at random: bodies of all sizes, slow clients, clients that leave, threads that die. Nothing hangs, and no byte is lost or doubled.
import { setImmediate, setTimeout as wait } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { HttpError } from '../../../../src/core/errors.ts';
import { parseRef } from '../../../../src/core/load.ts';
import { Pool } from '../../../../src/sync/threads/pool.ts';
import type { PoolOptions } from '../../../../src/sync/threads/pool-options.ts';
import { TestCall } from '../carrier.ts';
import { type Random, random } from '../random.ts';

const many = new URL('../apps/many.ts', import.meta.url).href;

/** One call that checks itself; what it says is an error. */
async function one(pool: Pool, { below }: Random, sticks: boolean): Promise<string | undefined> {
  if (sticks && below(40) === 0) return stuck(pool);
  const body = Array.from({ length: below(12) }, () => Buffer.alloc(1 + below(60_000), below(256)));
  const slow = below(4) === 0;
  const late = below(3) === 0;
  const pieces = body.map((piece) => (late && below(3) === 0 ? wait(below(40), piece) : piece));
  const path =
    ['/echo', '/relay', '/hello', '/exit', '/throw', '/forever', '/count'][below(slow ? 7 : 3)] ?? '';
  const call = new TestCall({
    method: 'POST',
    path,
    body: pieces,
    ...(below(2) === 0 && { length: body.reduce((sum, piece) => sum + piece.length, 0) }),
    ...(below(4) === 0 && { headers: { expect: '100-continue' } }),
    keep: path !== '/forever',
    room: () => (slow ? wait(below(3)) : undefined),
  });
  const leaves = path === '/forever' || below(4) === 0;
  if (leaves) void wait(below(60)).then(() => call.leave());
  await pool.run(call);
  if (leaves || call.failure)
    return ['/exit', '/throw'].includes(path) || leaves || call.failure?.code === 'THREAD'
      ? undefined
      : `${path} failed: ${call.failure}`;
  if (path === '/exit' || path === '/throw') return `${path} did not fail`;
  if (!call.ended) return `${path} did not end`;
  const whole = Buffer.concat(body);
  if (path === '/count' && call.text !== String(whole.length)) return `${call.text} bytes of ${whole.length}`;
  if (path !== '/echo' && path !== '/relay') return undefined;
  return Buffer.compare(call.body, whole) === 0
    ? undefined
    : `${path}: ${call.bytes} bytes of ${whole.length}`;
}

/** It never ends by itself: its client is told so, whatever else happens. */
async function stuck(pool: Pool): Promise<string | undefined> {
  const call = new TestCall({ path: '/sleep', query: '3600000' });
  await pool.run(call);
  const status = call.failure instanceof HttpError ? call.failure.status : 0;
  return status === 504 ? undefined : `A stuck call was answered ${status}: ${call.failure}`;
}

const ways: Array<[string, Partial<PoolOptions>]> = [
  ['a storm', {}],
  [
    '… with threads that are stuck, worn and replaced',
    { timeout: 500, maxRequests: 20, maxRequestsJitter: 20, warmThreads: 1 },
  ],
  ['… that block', { timeout: 500, maxRequests: 50, threadMode: 'block' }],
];

test.each(ways)('%s', async (_, options) => {
  const chance = random();
  const ms = Number(process.env['STORM_MS'] ?? 1500);
  const pool = new Pool(parseRef(many), { threads: 3, spare: 5, backlog: 1000, ...options });
  await pool.start();
  const until = performance.now() + ms;
  const faults: string[] = [];
  let calls = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      calls += 1;
      const fault = await one(pool, chance, options.timeout !== undefined);
      if (fault) faults.push(fault);
      await setImmediate();
    }
  };
  await Promise.all(Array.from({ length: 24 }, client));
  const after = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const call = new TestCall({ path: '/hello' });
      await pool.run(call);
      return call.ended;
    }),
  );
  await pool.close(0);
  expect(faults, `SEED=${chance.seed}`).toEqual([]);
  expect(after.every(Boolean), `SEED=${chance.seed}`).toBe(true);
  expect(calls).toBeGreaterThan(20);
});
