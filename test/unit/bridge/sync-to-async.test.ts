// A sync app behind the async contract: on this loop, and on threads of its own.
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { AsyncApp, LifespanScope, WebSocketScope } from '../../../src/async/interface.ts';
import { syncToAsync } from '../../../src/bridge/sync-to-async.ts';
import { Disconnected } from '../../../src/core/errors.ts';
import { Recorder } from '../../support/recorder.ts';
import { app as syncApp } from './apps/sync.ts';
import { type Asked, Dialogue, spoken } from './dialogue.ts';
import { randomOf } from './random.ts';

const ref = `${fileURLToPath(new URL('./apps/sync.ts', import.meta.url))}:app`;
const log = new Recorder();
const lifespan: LifespanScope = {
  type: 'lifespan',
  asgi: { version: '3.0', spec_version: '2.0' },
  state: {},
};
const startup = { type: 'lifespan.startup' } as const;
const shutdown = { type: 'lifespan.shutdown' } as const;

describe.each([
  { way: 'inline', lane: 'loop', make: () => syncToAsync(syncApp, { log, maxBody: 1_000_000 }) },
  { way: 'threads', lane: 'thread 1', make: () => syncToAsync(ref, { log, threads: 1 }) },
])('$way', ({ way, lane, make }) => {
  let app: AsyncApp & Partial<AsyncDisposable>;
  beforeAll(async () => {
    app = make();
    await spoken(app, lifespan, [startup, shutdown]).catch(() => {});
    app = make();
  });
  afterAll(() => app[Symbol.asyncDispose]?.());

  const ask = (asked: Asked): Promise<Dialogue> => new Dialogue(asked).with(app);
  const marks = async (of: string): Promise<string> => (await ask({ path: '/marks', query: of })).text;

  test('[B-01] an app answers, header names in lower case', async () => {
    const asked = await ask({ path: '/hello' });
    expect(asked).toMatchObject({ status: 200, text: 'hello', complete: true, error: undefined });
    expect(asked.headers).toEqual({ 'content-type': 'text/plain', 'content-length': '5' });
  });

  test('[A-90] the environ is made of the scope', async () => {
    const headers = [
      ['host', 'example.org'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['content-type', 'text/html'],
    ] as const;
    const { text } = await ask({ path: '/environ', query: 'q=%20', headers });
    expect(JSON.parse(text)).toMatchObject({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/environ',
      QUERY_STRING: 'q=%20',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: '8000',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_PORT: '50000',
      HTTP_HOST: 'example.org',
      HTTP_COOKIE: 'a=1; b=2',
      CONTENT_TYPE: 'text/html',
      'wsgi.url_scheme': 'http',
      'dualgate.lane': lane,
    });
  });

  test('[W-78] an empty iterable sends the head', async () => {
    const asked = await ask({ path: '/empty' });
    expect(asked).toMatchObject({ status: 204, headers: { 'x-head': 'there' }, complete: true });
  });

  test('[W-77] close() is called', async () => {
    expect((await ask({ path: '/closes' })).text).toBe('onetwo');
    expect(await marks('closes')).toBe('closes closed');
  });

  test('[W-59] startResponse with an error replaces the head', async () => {
    expect(await ask({ path: '/excuse' })).toMatchObject({ status: 500, text: 'excused', complete: true });
  });

  test('[W-58] a second startResponse is refused', async () => {
    expect(await ask({ path: '/twice' })).toMatchObject({ sent: [], error: { clause: 'W-58' } });
  });

  test('[W-70] write() goes before the iterable', async () => {
    expect((await ask({ path: '/write' })).text).toBe('written returned');
  });

  test('a body comes to wsgi.input, with and without a length', async () => {
    const headers = [['content-length', '6']] as const;
    expect((await ask({ path: '/echo', method: 'POST', headers, body: ['one', 'two'] })).text).toBe('onetwo');
    expect((await ask({ path: '/echo', method: 'POST', body: ['one', 'two'] })).text).toBe('onetwo');
    expect((await ask({ path: '/stream', method: 'POST', body: ['one', 'two', 'three'] })).text).toBe(
      'onetwothree',
    );
  });

  test('[W-39] an upload that breaks off is an error, never an end', async () => {
    const asked = await ask({ path: '/upload', method: 'POST', body: ['one'], breaksOff: true });
    expect(asked.error).toBeInstanceOf(Disconnected);
    expect(asked.sent).toEqual([]);
    expect(await marks('upload')).not.toBe('upload ');
  });

  test('[W-23] X_Forwarded_For is no X-Forwarded-For', async () => {
    const headers = [
      ['x-forwarded-for', 'real'],
      ['x_forwarded_for', 'spoof'],
    ] as const;
    const { text } = await ask({ path: '/environ', headers });
    expect(JSON.parse(text)['HTTP_X_FORWARDED_FOR']).toBe('real');
  });

  test('[W-34] readline(100)', async () => {
    expect((await ask({ path: '/readline', method: 'POST', body: ['a line\nand more'] })).text).toBe(
      'a line\n',
    );
  });

  test('[W-79] more bytes than Content-Length stay here', async () => {
    expect(await ask({ path: '/clamped' })).toMatchObject({ text: '123', complete: true, error: undefined });
  });

  test('[W-55] hop-by-hop headers are refused', async () => {
    expect(await ask({ path: '/hop' })).toMatchObject({ sent: [], error: { clause: 'W-55' } });
  });

  test('[W-54] a header with a line break is refused', async () => {
    expect(await ask({ path: '/crlf' })).toMatchObject({ sent: [], error: { clause: 'W-54' } });
  });

  test('a latin-1 header value comes through', async () => {
    expect((await ask({ path: '/latin1' })).headers['x-name']).toBe('caf\u00e9');
  });

  test('[B-02] a stalled client stops the producer within a few chunks; its leaving closes the body', async () => {
    const asked = new Dialogue({ path: '/counted', room: () => new Promise(() => {}) });
    const running = asked.with(app);
    await asked.first.promise;
    await new Promise((resolve) => setTimeout(resolve, 100)); // time enough for a producer that is not stopped
    asked.leave();
    await running;
    expect(asked.error).toBeInstanceOf(Disconnected);
    const [sent, closed] = (await marks('counted')).split('\n');
    expect(Number(sent?.split(' ')[1])).toBeLessThanOrEqual(10);
    expect(closed).toBe('counted closed');
  });

  test('[B-03] a client that leaves is heard of between two pieces', async () => {
    const asked = new Dialogue({ path: '/waits' });
    const running = asked.with(app);
    await asked.first.promise;
    asked.leave();
    await running;
    expect(asked.error).toBeInstanceOf(Disconnected);
    expect(asked.complete).toBe(false);
  });

  test('[B-03] the disconnect signal of the scope is heeded', async () => {
    const client = new AbortController();
    const extensions = { 'dualgate.disconnect': { signal: client.signal } };
    const asked = new Dialogue({ path: '/waits', scope: { extensions } });
    const running = asked.with(app);
    await asked.first.promise;
    const began = performance.now();
    client.abort(new Disconnected());
    await running;
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test('[B-07] an error before the head goes on to the server, which logs it', async () => {
    log.clear();
    const asked = await ask({ path: '/throws' });
    expect(asked).toMatchObject({ sent: [], error: { name: 'RangeError', message: 'out of it' } });
    expect(asked.error?.stack).toContain('apps/sync.ts');
    expect(log.troubles).toEqual([]);
  });

  test('[W-83] an error after the head goes on to the server, which cuts', async () => {
    const asked = await ask({ path: '/throws-late' });
    expect(asked).toMatchObject({
      status: 200,
      chunks: ['some'],
      complete: false,
      error: { name: 'RangeError' },
    });
  });

  test('an error of close() leaves the answer as it is, and is logged here', async () => {
    log.clear();
    const asked = await ask({ path: '/throws-closing' });
    expect(asked).toMatchObject({ status: 200, text: 'fine', complete: true, error: undefined });
    expect((await log.until('in close')).level).toBe('error');
  });

  test('[A-53] a WebSocket is closed before it is accepted', async () => {
    const { scope } = new Dialogue();
    const socket: WebSocketScope = { ...scope, type: 'websocket', scheme: 'ws', subprotocols: [] };
    expect(await spoken<'websocket'>(app, socket, [{ type: 'websocket.connect' }])).toEqual([
      { type: 'websocket.close' },
    ]);
  });

  test('lifespan: startup and shutdown are answered, and may come again', async () => {
    const own = make();
    const answers = [{ type: 'lifespan.startup.complete' }, { type: 'lifespan.shutdown.complete' }];
    expect(await spoken<'lifespan'>(own, lifespan, [startup, shutdown])).toEqual(answers);
    expect((await new Dialogue({ path: '/hello' }).with(own)).error).toMatchObject({ code: 'CLOSED' });
    expect(await spoken<'lifespan'>(own, lifespan, [startup, shutdown])).toEqual(answers);
  });

  if (way === 'inline') {
    test('a body beyond maxBody is answered 413', async () => {
      const asked = await ask({
        path: '/echo',
        method: 'POST',
        body: new Array(20).fill('x'.repeat(100_000)),
      });
      expect(asked).toMatchObject({ status: 413, complete: true, error: undefined });
    });
  }
});

test('[B-05] calls that wait run on as many threads as there are', async () => {
  await using app = syncToAsync(ref, { threads: 4 });
  await new Dialogue({ path: '/hello' }).with(app);
  const began = performance.now();
  await Promise.all(Array.from({ length: 20 }, () => new Dialogue({ path: '/sleeps' }).with(app)));
  const took = performance.now() - began;
  expect(took).toBeGreaterThanOrEqual(495);
  expect(took).toBeLessThan(1500);
});

test('a call that is stuck does not hold up lifespan.shutdown', async () => {
  const app = syncToAsync(ref, { threads: 1 });
  const asked = new Dialogue({ path: '/stuck' });
  const sent: string[] = [];
  const events = [async () => startup, () => asked.first.promise.then(() => shutdown)];
  const receive = async () => (await events.shift()?.()) ?? expect.unreachable('nothing more comes');
  const running = asked.with(app);
  const lives = app(lifespan, receive, async ({ type }) => void sent.push(type));
  await asked.first.promise;
  const began = performance.now();
  await lives;
  expect(sent).toEqual(['lifespan.startup.complete', 'lifespan.shutdown.complete']);
  expect(performance.now() - began).toBeLessThan(2000);
  await running;
  expect(asked.complete).toBe(false);
});

test('a call that is stuck has the grace of its pool when the app is disposed of', async () => {
  const app = syncToAsync(ref, { threads: 1, grace: 200 });
  const asked = new Dialogue({ path: '/stuck' });
  const running = asked.with(app);
  await asked.first.promise;
  const began = performance.now();
  await app[Symbol.asyncDispose]();
  expect(performance.now() - began).toBeGreaterThanOrEqual(190);
  expect(performance.now() - began).toBeLessThan(2000);
  await running;
});

test('a full backlog is answered 503 with Retry-After', async () => {
  await using app = syncToAsync(ref, { threads: 1, spare: 0, backlog: 1 });
  await new Dialogue({ path: '/hello' }).with(app);
  const asked = await Promise.all(
    Array.from({ length: 4 }, () => new Dialogue({ path: '/sleeps' }).with(app)),
  );
  expect(asked.map(({ status }) => status).sort()).toEqual([200, 200, 503, 503]);
  expect(asked.find(({ status }) => status === 503)).toMatchObject({
    complete: true,
    headers: { 'retry-after': '1' },
  });
});

test('[A-70] an app that cannot be loaded fails the startup with its reason', async () => {
  await using app = syncToAsync(ref.replace(/app$/, 'nothing'));
  const [failed] = await spoken<'lifespan'>(app, lifespan, [startup]);
  expect(failed).toMatchObject({
    type: 'lifespan.startup.failed',
    message: expect.stringContaining('"nothing"'),
  });
});

test('without a lifespan an app that cannot be loaded fails each request', async () => {
  await using app = syncToAsync(ref.replace(/app$/, 'nothing'));
  expect((await new Dialogue().with(app)).error).toMatchObject({ code: 'APP_LOAD' });
  expect((await new Dialogue().with(app)).error).toMatchObject({ code: 'APP_LOAD' });
});

test('an async function is refused', () => {
  const own = async (): Promise<void> => {};
  // Not what the types allow.
  expect(() => syncToAsync(own as unknown as string)).toThrow(expect.objectContaining({ code: 'APP_KIND' }));
});

/** A random app, body and client: whether the call ended, and as what it should. */
async function scripted(app: AsyncApp, seed: number): Promise<string> {
  const random = randomOf(seed);
  const letters = 'rRsxwbBzpt';
  const steps = (): string =>
    Array.from({ length: random(6) }, () => letters[random(letters.length)]).join('');
  const query = `${random(4) > 0 ? 's' : ''}${steps()},${steps()}`;
  const body = Array.from({ length: random(5) }, () => 'x'.repeat(random(3) === 0 ? 150_000 : 10));
  const room =
    random(3) === 0 ? () => new Promise<void>((resolve) => setTimeout(resolve, random(5))) : undefined;
  const breaksOff = random(4) === 0;
  const asked = new Dialogue({
    method: 'POST',
    path: '/script',
    query,
    body,
    breaksOff,
    ...(room && { room }),
  });
  const leaves = random(3) === 0 ? setTimeout(() => asked.leave(), random(20)) : undefined;
  let late: NodeJS.Timeout | undefined;
  const hang = new Promise<string>((resolve) => {
    late = setTimeout(resolve, 4000, 'hangs');
  });
  const how = await Promise.race([asked.with(app).then(() => 'ends'), hang]);
  clearTimeout(leaves);
  clearTimeout(late);
  // A client may leave while the last piece is on its way to it.
  const whole = asked.complete !== (asked.error !== undefined) || asked.error instanceof Disconnected;
  return how === 'ends' && whole
    ? 'ok'
    : `seed ${seed}: "${query}" ${how}, complete: ${asked.complete}, ${asked.error}`;
}

test('[B-04] whatever app, body and client do, and in which order: every call ends, whole or with an error', async () => {
  await using app = syncToAsync(ref, { threads: 4 });
  const runs = Number(process.env['DUALGATE_RUNS'] ?? 300);
  for (let seed = 0; seed < runs; seed += 20) {
    const batch = Array.from({ length: 20 }, (_, i) => scripted(app, seed + i));
    expect((await Promise.all(batch)).filter((outcome) => outcome !== 'ok')).toEqual([]);
  }
}, 600_000);
