// The pool, with real threads and a carrier of the test's own.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { deferred } from '../../../../src/core/deferred.ts';
import { GatewayError, HttpError } from '../../../../src/core/errors.ts';
import { parseRef } from '../../../../src/core/load.ts';
import type { Log } from '../../../../src/core/log.ts';
import { subscribe, type TraceEvent } from '../../../../src/core/trace.ts';
import { Pool } from '../../../../src/sync/threads/pool.ts';
import type { PoolOptions } from '../../../../src/sync/threads/pool-options.ts';
import { hostile } from '../apps/many.ts';
import { type Given, TestCall } from '../carrier.ts';

const many = new URL('../apps/many.ts', import.meta.url).href;

/** Lines that a pool logged, and a promise of the next that matches. */
class Lines {
  readonly all: string[] = [];
  #waiting: Array<{ pattern: RegExp; found: () => void }> = [];
  readonly log: Log = {
    level: 'debug',
    debug: (line) => this.#add(line),
    info: (line) => this.#add(line),
    warn: (line) => this.#add(line),
    error: (line) => this.#add(line),
  };

  find(pattern: RegExp): Promise<void> {
    if (this.all.some((line) => pattern.test(line))) return Promise.resolve();
    const found = deferred();
    this.#waiting.push({ pattern, found: found.resolve });
    return found.promise;
  }

  #add(line: string): void {
    this.all.push(line);
    for (const { pattern, found } of this.#waiting) if (pattern.test(line)) found();
  }
}

async function run(pool: Pool, path: string, given: Given = {}): Promise<TestCall> {
  const call = new TestCall({ path, ...given });
  await pool.run(call);
  return call;
}

async function started(options: PoolOptions, name = 'app'): Promise<Pool> {
  const pool = new Pool(parseRef(`${many}#${name}`), options);
  await pool.start();
  return pool;
}

const pieces = (count: number, size: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => new Uint8Array(size).fill(index & 0xff));

describe('four threads', () => {
  let pool: Pool;
  const lines = new Lines();
  beforeAll(async () => {
    pool = await started({ threads: 4, log: lines.log });
  });
  afterAll(async () => pool.close());

  test('answers, and says which thread ran it', async () => {
    const call = await run(pool, '/hello');
    expect(call.status).toBe('200 OK');
    expect(call.text).toMatch(/^hello from thread [1-4]$/);
    expect(call.header('content-length')).toBe(String(call.bytes));
    expect(call.ended).toBe(true);
    expect(call.failure).toBeUndefined();
  });

  test('[W-16] the environ crosses whole, and says that there are several threads', async () => {
    const call = await run(pool, '/environ', {
      query: 'a=b',
      headers: { host: 'x', 'x-odd': 'caf\u00e9', 'dualgate.extra': 'text' },
    });
    const environ = JSON.parse(call.text) as Record<string, unknown>;
    const { 'wsgi.version': version, ...data } = call.environ;
    expect(environ).toEqual({
      ...data,
      version,
      'wsgi.multithread': true,
      'dualgate.lane': expect.stringMatching(/^thread \d$/),
    });
  });

  test('eight calls that block take two rounds', async () => {
    const from = performance.now();
    const calls = await Promise.all(Array.from({ length: 8 }, () => run(pool, '/sleep', { query: '150' })));
    const took = performance.now() - from;
    expect(new Set(calls.map((call) => call.text)).size).toBe(4);
    expect(took).toBeGreaterThanOrEqual(295);
    expect(took).toBeLessThan(590);
  });

  test('500 echoes at once, each with its own bytes', async () => {
    const calls = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        run(pool, '/echo', {
          method: 'POST',
          body: [Buffer.from(`body ${index} `.repeat(1 + (index % 50)))],
        }),
      ),
    );
    expect(calls.map((call) => call.text)).toEqual(
      calls.map((_, index) => `body ${index} `.repeat(1 + (index % 50))),
    );
  });

  test('[W-38] a body larger than the ring comes through, both ways at once', async () => {
    const body = pieces(300, 10_007);
    const call = await run(pool, '/relay', { method: 'POST', body });
    expect(Buffer.compare(call.body, Buffer.concat(body))).toBe(0);
  });

  test('[W-40] what the app leaves of a body does not reach the next call', async () => {
    const left = await run(pool, '/hello', { method: 'POST', body: pieces(30, 10_000) });
    expect(left.ended).toBe(true);
    const calls = await Promise.all(
      Array.from({ length: 80 }, () => run(pool, '/echo', { method: 'POST', body: [Buffer.from('mine')] })),
    );
    expect(new Set(calls.map((call) => call.text))).toEqual(new Set(['mine']));
  });

  test('[W-30] an app reads what has come before the rest is sent', async () => {
    const rest = deferred<Uint8Array>();
    const call = new TestCall({
      method: 'POST',
      path: '/relay-line',
      body: [Buffer.from('one\n'), rest.promise],
    });
    const running = pool.run(call);
    await call.first.promise;
    expect(call.text).toBe('one\n');
    rest.resolve(Buffer.from('two\n'));
    await running;
    expect(call.text).toBe('one\ntwo\n');
  });

  test('slow uploads hold no more than half of the threads', async () => {
    const never = deferred<Uint8Array>();
    const slow = Array.from(
      { length: 9 },
      () =>
        new TestCall({ method: 'POST', path: '/relay-line', body: [Buffer.from('one\n'), never.promise] }),
    );
    const running = slow.map((call) => pool.run(call));
    const answered = (): number => slow.filter((call) => call.bytes > 0).length;
    while (answered() < 2) await new Promise(setImmediate);
    const from = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => run(pool, '/sleep', { query: '60' })));
    expect(performance.now() - from).toBeGreaterThanOrEqual(118); // two rounds on two threads
    expect(answered()).toBe(2);
    for (const call of slow) call.leave();
    await Promise.all(running);
  });

  test.each([
    ['than the ring', { body: [new Uint8Array(70_000)] }],
    ['than anything: its client waits for 100 Continue', { headers: { expect: '100-continue' } }],
  ])('four uploads that stop half way leave threads to others, also ones larger %s', async (_, given) => {
    const never = deferred<Uint8Array>();
    const body = [...('body' in given ? given.body : []), never.promise];
    const slow = Array.from(
      { length: 4 },
      () => new TestCall({ method: 'POST', path: '/count', length: 1_000_000, ...given, body }),
    );
    const running = slow.map((call) => pool.run(call));
    await Promise.all(Array.from({ length: 4 }, () => run(pool, '/sleep', { query: '20' })));
    expect((await run(pool, '/hello')).ended).toBe(true);
    never.resolve(new Uint8Array(5));
    await Promise.all(running);
    expect(new Set(slow.map((call) => call.text))).toEqual(new Set([String('body' in given ? 70_005 : 5)]));
  });

  test('a large upload that is whole while it waits for a place goes the way of the small ones', async () => {
    const never = deferred<Uint8Array>();
    const slow = Array.from(
      { length: 4 },
      () => new TestCall({ method: 'POST', path: '/count', body: [new Uint8Array(70_000), never.promise] }),
    );
    const running = slow.map((call) => pool.run(call));
    const whole = await run(pool, '/count', { method: 'POST', body: pieces(10, 10_000) });
    expect(whole.text).toBe('100000');
    for (const call of slow) call.leave();
    await Promise.all(running);
    const after = await run(pool, '/count', { method: 'POST', body: pieces(30, 10_000) });
    expect(after.text).toBe('300000');
  });

  test('[W-70] write() comes before the iterable', async () => {
    expect((await run(pool, '/write')).text).toBe('one two three');
  });

  test('[W-70] an empty write() sends the head while the body is still awaited', async () => {
    const piece = deferred<Uint8Array>();
    const call = new TestCall({
      method: 'POST',
      path: '/flush',
      headers: { expect: '100-continue' },
      body: [piece.promise],
    });
    const running = pool.run(call);
    await call.first.promise;
    expect(call.status).toBe('200 OK');
    expect(call.bytes).toBe(0);
    piece.resolve(Buffer.from('late'));
    await running;
    expect(call.text).toBe('after');
  });

  test('[W-86] a body whose client waits for 100 Continue is read only when the app reads', async () => {
    const given = { method: 'POST', headers: { expect: '100-continue' } };
    const unread = await run(pool, '/hello', { ...given, body: [Buffer.from('body')] });
    expect(unread.reads).toBe(0);
    const read = await run(pool, '/echo', { ...given, body: [Buffer.from('body')] });
    expect(read.text).toBe('body');
  });

  test('heads that do not fit into a slot go by message, whole', async () => {
    const call = await run(pool, '/big-head', { headers: { 'x-big': 'a'.repeat(40_000) } });
    expect(call.text).toBe('40000');
    expect(call.header('x-big')).toBe('b'.repeat(50_000));
  });

  test('an environ that holds an object goes by message; one that holds a function fails by name', async () => {
    const call = new TestCall({ path: '/environ' });
    call.environ['test.object'] = { deep: [1, 2] };
    await pool.run(call);
    expect(call.text).toContain('"PATH_INFO":"/environ"');
    const bad = new TestCall({ path: '/hello' });
    bad.environ['test.function'] = () => {};
    await pool.run(bad);
    expect(bad.failure?.message).toMatch(/^The environ cannot go to a thread: /);
    expect((await run(pool, '/hello')).status).toBe('200 OK');
  });

  test('[W-31] wsgi.errors reaches the log, with the request that it belongs to', async () => {
    const call = await run(pool, '/errors');
    expect(call.text).toBe('written');
    await lines.find(/note three/);
    expect(lines.all.filter((line) => line.startsWith('note'))).toEqual([
      'note one',
      'note two €',
      'note three',
    ]);
  });

  test('[W-83] an app that throws: 500, with its own error in the log', async () => {
    const call = await run(pool, '/throw');
    expect(call.failure).toMatchObject({ code: 'HTTP', status: 500 });
    expect(String((call.failure?.cause as Error | undefined)?.stack)).toMatch(
      /RangeError: The app has a fault(.|\n)*many\.ts/,
    );
    expect(lines.all).toContain('The app failed on GET "/throw"');
  });

  test.each(Object.keys(hostile))(
    '[W-83] an app that throws what cannot be looked at or cloned (%s): 500, and the thread lives',
    async (query) => {
      const call = await run(pool, '/throw-hostile', { query });
      expect(call.failure).toMatchObject({ code: 'HTTP', status: 500 });
      expect(lines.all.filter((line) => line.includes('has ended'))).toEqual([]);
    },
  );

  test('[W-83] an app that throws late: what came before is sent, and no end', async () => {
    const call = await run(pool, '/throw-late');
    expect(call.text).toBe('some');
    expect(call.ended).toBe(false);
    expect(call.failure?.message).toBe('The app threw RangeError: The app has a late fault');
  });

  test('[W-72] a promise is refused by name, and the thread lives on', async () => {
    const call = await run(pool, '/promise');
    expect(call.failure).toMatchObject({ status: 500, cause: { code: 'CONTRACT', clause: 'W-72' } });
    expect(call.failure?.message).toContain('looks like an async app');
  });

  test('[W-75] a slow client slows its own call, and memory does not grow', async () => {
    const hold = deferred();
    const call = new TestCall({
      path: '/stream',
      query: String(16 * 1024 * 1024),
      keep: false,
      room: (total) => (total < 1_000_000 ? undefined : hold.promise),
    });
    const running = pool.run(call);
    await call.first.promise;
    const others = await Promise.all(Array.from({ length: 20 }, () => run(pool, '/hello')));
    expect(others.every((other) => other.ended)).toBe(true);
    // the first write beyond the room, and not one more
    expect(call.bytes).toBeLessThan(1_000_000 + 2 * 64 * 1024);
    hold.resolve();
    await running;
    expect(call.bytes).toBe(16 * 1024 * 1024);
  });

  test('large bodies leave the memory of the process as it was', async () => {
    const size = 128 * 1024 * 1024;
    function* body(): Generator<Uint8Array> {
      const piece = new Uint8Array(64 * 1024);
      for (let left = size; left > 0; left -= piece.length) yield piece;
    }
    const both = async (): Promise<void> => {
      const up = await run(pool, '/count', { method: 'POST', body: body() });
      expect(up.text).toBe(String(size));
      const down = await run(pool, '/stream', { query: String(size), keep: false });
      expect(down.bytes).toBe(size);
    };
    await both();
    const before = process.memoryUsage.rss();
    await both();
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('the loop of a thread lives between calls: timers fire', async () => {
    const ticks = async (): Promise<number> => Number((await run(pool, '/ticks')).text);
    let most = 0; // a thread whose timers were dead would keep this at 0 until the test's own deadline
    // whichever of the four threads answers
    while (most < 3) most = Math.max(most, await ticks());
  });

  test('trace events name the thread, and are in order', async () => {
    const events: TraceEvent[] = [];
    const stop = subscribe((event) => events.push(event));
    const call = await run(pool, '/sleep', { query: '20' });
    stop();
    const mine = events.filter((event) => event.id === call.id);
    expect(mine.map((event) => event.kind)).toEqual(['queued', 'dispatched', 'app.enter', 'app.leave']);
    expect(mine[2]?.lane).toBe(call.text);
    const [, , entered, left] = mine.map((event) => event.at);
    expect((left ?? 0) - (entered ?? 0)).toBeGreaterThan(18);
  });
});

describe('a client that leaves', () => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await started({ threads: 1, spare: 1 });
  });
  afterAll(async () => pool.close());

  test('[W-39] while the app is blocked in read: read throws, and close to at once', async () => {
    const never = deferred<Uint8Array>();
    const call = new TestCall({
      method: 'POST',
      path: '/read-then-tell',
      body: [...pieces(8, 10_000), never.promise],
      headers: { expect: '100-continue' },
    });
    // eight pieces are read, so it blocks in the ninth
    call.environ.PATH_INFO = '/count';
    const running = pool.run(call);
    while (call.reads < 9) await new Promise(setImmediate);
    const from = performance.now();
    call.leave();
    await running;
    expect(performance.now() - from).toBeLessThan(250);
    expect(call.ended).toBe(false);
    expect(call.status).toBeUndefined();
  });

  test('[W-39] an upload that breaks off is an error to the app, not an end', async () => {
    const never = deferred<Uint8Array>();
    const call = new TestCall({
      method: 'POST',
      path: '/read-then-tell',
      body: [Buffer.from('abc'), never.promise],
      headers: { expect: '100-continue' },
    });
    const running = pool.run(call);
    while (call.reads < 2) await new Promise(setImmediate);
    call.leave();
    await running;
    expect((await run(pool, '/told')).text).toBe('read threw Disconnected');
  });

  test('[W-77] while the app is blocked in a write: it ends, and close() has run', async () => {
    const call = new TestCall({ path: '/forever', keep: false, room: () => new Promise(() => {}) });
    const running = pool.run(call);
    await call.first.promise;
    const from = performance.now();
    call.leave();
    await running;
    expect(performance.now() - from).toBeLessThan(250);
    expect((await run(pool, '/told')).text).toBe('closed, gone true');
  });

  test('before a thread has come: the call is dropped', async () => {
    const blocked = run(pool, '/sleep', { query: '200' });
    const ready = new TestCall({ path: '/read-then-tell' });
    const waiting = new TestCall({ path: '/read-then-tell' });
    const runs = [pool.run(ready), pool.run(waiting)];
    ready.leave();
    waiting.leave();
    await Promise.all(runs);
    await blocked;
    expect((await run(pool, '/told')).text).toBe('');
  });

  test('a body that the engine refuses is answered with the engine’s own error', async () => {
    const refused = deferred<Uint8Array>();
    const call = new TestCall({
      method: 'POST',
      path: '/count',
      headers: { expect: '100-continue' },
      body: [Buffer.from('some'), refused.promise],
    });
    const running = pool.run(call);
    while (call.reads < 2) await new Promise(setImmediate);
    const why = new HttpError(413, 'The request body is larger than 4 bytes');
    refused.reject(why);
    await running;
    expect(call.failure).toBe(why);
  });
});

describe('a thread that dies', () => {
  let pool: Pool;
  const lines = new Lines();
  beforeAll(async () => {
    pool = await started({ threads: 2, log: lines.log, resourceLimits: { maxOldGenerationSizeMb: 64 } });
  });
  afterAll(async () => pool.close());

  test('process.exit ends its own call only, and the thread is replaced', async () => {
    const others = Array.from({ length: 30 }, () => run(pool, '/sleep', { query: '5' }));
    const call = await run(pool, '/exit', { query: '7' });
    expect(call.failure).toMatchObject({ status: 500, cause: { code: 'THREAD' } });
    expect(call.failure?.message).toMatch(/^The thread \d has ended with exit code 7$/);
    for (const other of await Promise.all(others)) expect(other.ended).toBe(true);
    const lanes = await Promise.all(Array.from({ length: 2 }, () => run(pool, '/sleep', { query: '1500' })));
    expect(new Set(lanes.map((one) => one.text)).size).toBe(2);
  });

  test('process.exit after the head: what came before is sent, and no end', async () => {
    const call = await run(pool, '/exit-late');
    expect(call.text).toBe('some');
    expect(call.ended).toBe(false);
    expect(call.failure).toMatchObject({ status: 500, cause: { code: 'THREAD' } });
  });

  test('an uncaught error is logged with its message, and the next call is served', async () => {
    const call = await run(pool, '/uncaught');
    expect(call.text).toBe('soon gone');
    await lines.find(/has ended: Error: Thrown by a timer/);
    expect((await run(pool, '/hello')).ended).toBe(true);
  });

  test('out of memory ends the thread, not the process', async () => {
    const call = await run(pool, '/memory');
    expect(call.failure).toMatchObject({ status: 500, cause: { code: 'THREAD' } });
    expect(call.failure?.message).toMatch(/memory/);
    expect((await run(pool, '/hello')).ended).toBe(true);
  });
});

describe('start and close', () => {
  const open: Pool[] = [];
  afterEach(async () => {
    for (const pool of open.splice(0)) await pool.close(0);
  });
  const made = (options: PoolOptions, ref: string): Pool => {
    const pool = new Pool(parseRef(ref), options);
    open.push(pool);
    return pool;
  };

  test('an export that is missing or no function rejects start() in one line', async () => {
    await expect(made({ threads: 2 }, `${many}#nothing`).start()).rejects.toThrow(
      /^Cannot load "file:.*#nothing": it has no export "nothing", it exports /,
    );
    await expect(made({ threads: 1 }, `${many}#notAnApp`).start()).rejects.toMatchObject({
      code: 'APP_LOAD',
    });
  });

  test('an async function rejects start() with APP_KIND', async () => {
    await expect(made({ threads: 1 }, `${many}#asyncApp`).start()).rejects.toMatchObject({
      code: 'APP_KIND',
    });
  });

  test('a factory gets an argument of its own in each thread', async () => {
    let threads = 0;
    const source = { ...parseRef(`${many}#factory`), factory: true };
    const pool = new Pool(source, { threads: 2, argument: () => ({ value: ++threads, transfer: [] }) });
    open.push(pool);
    await pool.start();
    expect(['1', '2']).toContain((await run(pool, '/')).text);
    expect(threads).toBe(2);
  });

  test.each([0, 64])('the backlog is what it is, with %i spare slots', async (spare) => {
    const pool = made({ threads: 1, spare, backlog: 1 }, many);
    await pool.start();
    const calls = await Promise.all(Array.from({ length: 5 }, () => run(pool, '/sleep', { query: '50' })));
    const answers = calls.map(({ ended, failure }) => ended || (failure as { status?: number }).status);
    expect(answers).toEqual([true, true, 503, 503, 503]);
    const alone = made({ threads: 1, spare, backlog: 0 }, many);
    await alone.start();
    for (let round = 0; round < 20; round++) expect((await run(alone, '/hello')).ended).toBe(true);
  });

  test('a full backlog is answered with 503, and what waits is served in order', async () => {
    const pool = made({ threads: 1, spare: 0, backlog: 2 }, many);
    await pool.start();
    const ends: number[] = [];
    const calls = Array.from({ length: 5 }, () => new TestCall({ path: '/sleep', query: '30' }));
    await Promise.all(calls.map((call, index) => pool.run(call).then(() => ends.push(index))));
    expect(
      calls.map((call) => (call.failure instanceof HttpError ? call.failure.status : call.ended)),
    ).toEqual([true, true, true, 503, 503]);
    expect(ends.filter((index) => index < 3)).toEqual([0, 1, 2]);
  });

  test('close lets calls finish', async () => {
    const pool = made({ threads: 1 }, many);
    await pool.start();
    const call = new TestCall({ path: '/sleep', query: '100' });
    const running = pool.run(call);
    await pool.close();
    await running;
    expect(call.ended).toBe(true);
    const after = await run(pool, '/hello');
    expect(after.failure).toMatchObject({ status: 503 });
  });

  test('close past its grace cuts them, also a thread that is stuck', async () => {
    const pool = made({ threads: 1 }, many);
    await pool.start();
    const call = new TestCall({ path: '/sleep', query: '60000' });
    const running = pool.run(call);
    await pool.close(50);
    await running;
    expect(call.failure).toBeInstanceOf(GatewayError);
    expect(call.failure?.code).toBe('CLOSED');
  });
});
