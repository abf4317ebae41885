// An async app on the threads of a sync pool: many blocked callers, one loop thread.
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { asyncSource } from '../../../src/bridge/carry.ts';
import { type LoopOptions, LoopThread } from '../../../src/bridge/loop/loop.ts';
import { fromLoop } from '../../../src/bridge/loop/caller.ts';
import { deferred } from '../../../src/core/deferred.ts';
import { parseRef } from '../../../src/core/load.ts';
import { Pool } from '../../../src/sync/threads/pool.ts';
import { Recorder } from '../../support/recorder.ts';
import { type Given, TestCall } from '../sync/carrier.ts';
import { play } from './played.ts';
import { randomOf } from './random.ts';

const source = parseRef(`${fileURLToPath(new URL('./apps/async.ts', import.meta.url))}:app`);
const log = new Recorder();

interface Carried extends AsyncDisposable {
  readonly loop: LoopThread;
  readonly pool: Pool;
}

async function carried(threads: number, options: LoopOptions = {}): Promise<Carried> {
  const loop = new LoopThread(source, { log, timeout: 5000, ...options });
  const pool = new Pool(asyncSource(source), { threads, log, argument: () => loop.caller() });
  await Promise.all([loop.start(), pool.start()]);
  return {
    loop,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.close(1000);
      await loop.close(100);
    },
  };
}

let shared: Carried;
beforeAll(async () => {
  shared = await carried(4);
});
afterAll(() => shared[Symbol.asyncDispose]());

async function run(given: Given, { pool } = shared): Promise<TestCall> {
  const call = new TestCall(given);
  await pool.run(call);
  return call;
}

const marks = async (of: string): Promise<string> => (await run({ path: '/marks', query: of })).text;
const bytes = (text: string): Uint8Array => Buffer.from(text);

test('[B-05] eight calls that wait take as long as two turns of four threads', async () => {
  const began = performance.now();
  const calls = await Promise.all(Array.from({ length: 8 }, () => run({ path: '/slow' })));
  const took = performance.now() - began;
  expect(calls.map(({ text }) => text)).toEqual(new Array(8).fill('slow'));
  expect(took).toBeGreaterThanOrEqual(390);
  expect(took).toBeLessThan(1200);
});

test('a body of many pieces is echoed whole, both ways at once', async () => {
  const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(50_000, i));
  const call = await run({ method: 'POST', path: '/echo', body: pieces, length: null });
  expect(call.ended).toBe(true);
  expect(Buffer.compare(call.body, Buffer.concat(pieces))).toBe(0);
});

test('[W-75] a piece is on its way before the next is asked for', async () => {
  const call = new TestCall({ path: '/waits' });
  const running = shared.pool.run(call);
  await call.first.promise;
  expect(call.text).toBe('waiting');
  expect(call.ended).toBe(false);
  call.leave();
  await running;
});

test('[B-03] a client that leaves while the app waits is heard of within a moment', async () => {
  const call = new TestCall({ path: '/signal' });
  const running = shared.pool.run(call);
  setTimeout(() => call.leave(), 50);
  await running;
  expect(await marks('signal')).toBe('signal Disconnected');
});

test('[B-02] a stalled client stops the app within a few chunks, and its leaving ends it', async () => {
  const stalled = deferred();
  const call = new TestCall({ path: '/counted', room: () => stalled.promise, keep: false });
  const running = shared.pool.run(call);
  await call.first.promise;
  await run({ path: '/slow' }); // the app has had its time
  call.leave();
  await running;
  const [, sent, name] = (await marks('counted')).split(' ');
  expect(name).toBe('Disconnected');
  // 16 KiB each: one on the socket, 64 KiB in the pool's ring, 64 KiB before the caller, and one or two on the way
  expect(Number(sent)).toBeLessThanOrEqual(12);
});

test('[B-07] an error of the app fails the call, and is logged with both stacks', async () => {
  log.clear();
  const call = await run({ path: '/throws' });
  expect(call.ended).toBe(false);
  expect(call.failure).toMatchObject({ status: 500, cause: { name: 'RangeError' } });
  expect(log.text).toMatch(/apps\/async\.ts.*thrown by the loop thread.*responder\.ts/s);
  expect(log.troubles).toHaveLength(1);
});

for (const path of ['/nothing', '/start-only', '/half', '/throws-late']) {
  test(`[B-04] ${path} ends the call as broken, and frees the thread`, async () => {
    const call = await run({ path });
    expect(call.ended).toBe(false);
    expect(call.failure).toBeDefined();
  });
}

for (const path of ['/exit', '/exhausts'] as const) {
  test(`[B-04] ${path}: the death of the loop thread fails the calls under way; another takes its place`, async () => {
    await using other = await carried(2, { resourceLimits: { maxOldGenerationSizeMb: 32 } });
    log.clear();
    const open = run({ path: '/silent' }, other);
    const call = await run({ path }, other);
    expect(call.failure).toBeDefined();
    expect((await open).failure).toBeDefined();
    await log.until(path === '/exit' ? 'exit code is 7' : 'memory limit');
    const began = performance.now();
    expect((await run({ path: '/hello' }, other)).failure).toBeDefined();
    expect(performance.now() - began).toBeLessThan(1000);
    await log.until('runs again');
    const calls = await Promise.all(Array.from({ length: 4 }, () => run({ path: '/slow' }, other)));
    expect(calls.map(({ text }) => text)).toEqual(['slow', 'slow', 'slow', 'slow']);
    expect(JSON.parse((await run({ path: '/scope' }, other)).text).state).toEqual({ startups: 1 });
  });
}

test('[B-04] a loop thread that cannot be started again is tried again', async () => {
  const own = new Recorder();
  await using loop = new LoopThread({ ...source, name: 'refusesAtTimes' }, { log: own });
  const fragile = fromLoop(loop.caller().value);
  await loop.start();
  process.env['DUALGATE_TEST_AWAY'] = 'yes';
  try {
    expect(play(fragile, { path: '/exit' }).error).toMatchObject({ code: 'THREAD' });
    const { fields } = await own.until('cannot be started again');
    expect(fields['error']).toMatchObject({ code: 'APP_START' });
  } finally {
    delete process.env['DUALGATE_TEST_AWAY'];
  }
  expect(play(fragile, { path: '/hello' }).error).toMatchObject({ code: 'THREAD' });
  await own.until('runs again');
  expect(play(fragile, { path: '/hello' }).chunks).toEqual(['hello']);
});

test('a loop thread that waits to be started again can be closed', async () => {
  const other = await carried(1);
  log.clear();
  await run({ path: '/exit' }, other);
  await log.until('exit code is 7');
  await other[Symbol.asyncDispose]();
  expect(log.text).not.toContain('runs again');
});

test('a call that stays has the grace that the loop thread was given', async () => {
  const other = await carried(1, { grace: 150 });
  const call = new TestCall({ path: '/stays' });
  const running = other.pool.run(call);
  await call.first.promise;
  const began = performance.now();
  await other.loop.close();
  expect(performance.now() - began).toBeGreaterThanOrEqual(140);
  expect(performance.now() - began).toBeLessThan(900);
  await running;
  await other.pool.close(0);
});

test('a call whose callers have all ended has a moment', async () => {
  const other = await carried(1);
  const call = new TestCall({ path: '/stays' });
  const running = other.pool.run(call);
  await call.first.promise;
  await other.pool.close(0);
  await running;
  const began = performance.now();
  await other.loop.close();
  expect(performance.now() - began).toBeLessThan(1500);
});

test('[B-04] a loop thread that is closed under calls fails them', async () => {
  await using other = await carried(2);
  const call = new TestCall({ path: '/waits' });
  const running = other.pool.run(call);
  await call.first.promise;
  await other.loop.close(100);
  await running;
  expect(call.ended).toBe(false);
  expect((await run({ path: '/hello' }, other)).failure).toBeDefined();
});

test('a call that was answered stays answered when its app goes on', async () => {
  expect((await run({ path: '/background' })).text).toBe('done');
  expect(await marks('background')).toBe('background over');
});

test('a POST without a length has its body', async () => {
  const body = [bytes('a'), bytes('bc')];
  expect((await run({ method: 'POST', path: '/size', body, length: null })).text).toBe('3');
});

/** A random app, body and client: what they did, and the call once it is over. */
async function scripted(seed: number): Promise<string> {
  const random = randomOf(seed);
  const steps = 'rrRsbBuzeEtwd';
  const opening = random(4) > 0 ? 's' : '';
  const query = opening + Array.from({ length: random(8) }, () => steps[random(steps.length)]).join('');
  const body = Array.from({ length: random(5) }, () => Buffer.alloc(random(3) === 0 ? 150_000 : 10));
  // An app that receives more than there is waits until its client leaves.
  const leaves = /[rRd]/.test(query) || random(3) === 0 ? 1 + random(20) : 0;
  const call = new TestCall({ method: 'POST', path: '/script', query, body, length: null });
  const timer = leaves > 0 ? setTimeout(() => call.leave(), leaves) : undefined;
  let late: NodeJS.Timeout | undefined;
  const hang = new Promise<string>((resolve) => {
    late = setTimeout(resolve, 4000, 'hangs');
  });
  const how = await Promise.race([shared.pool.run(call).then(() => 'ends'), hang]);
  clearTimeout(timer);
  clearTimeout(late);
  const whole =
    call.ended !== (call.failure !== undefined || call.gone.aborted) ? '' : ', neither whole nor broken';
  return how === 'ends' && (whole === '' || call.gone.aborted)
    ? 'ok'
    : `seed ${seed}: "${query}" ${how}${whole}`;
}

test('[B-04] whatever app, body and client do, and in which order: every call ends', async () => {
  const runs = Number(process.env['DUALGATE_RUNS'] ?? 300);
  for (let seed = 0; seed < runs; seed += 20) {
    const batch = Array.from({ length: 20 }, (_, i) => scripted(seed + i));
    expect((await Promise.all(batch)).filter((outcome) => outcome !== 'ok')).toEqual([]);
  }
  expect((await run({ path: '/hello' })).text).toBe('hello');
}, 600_000);
