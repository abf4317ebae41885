// An async app called by a thread that blocks for it: this one.
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { asyncToSync, type BridgedSyncApp } from '../../../src/bridge/async-to-sync.ts';
import { fromLoop } from '../../../src/bridge/loop/caller.ts';
import { LoopThread } from '../../../src/bridge/loop/loop.ts';
import { Disconnected, HttpError } from '../../../src/core/errors.ts';
import { parseRef } from '../../../src/core/load.ts';
import { Recorder } from '../../support/recorder.ts';
import { environ, header, type Played, play, type Request } from './played.ts';

const file = fileURLToPath(new URL('./apps/async.ts', import.meta.url));
const log = new Recorder();
let app: BridgedSyncApp;
beforeAll(async () => {
  app = asyncToSync(`${file}:app`, { log, timeout: 5000 });
  await app.ready;
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
});

const get = (path: string, more: Request = {}, options = {}): Played => play(app, { path, ...more }, options);
const marks = (of: string): string => get('/marks', { query: of }).chunks.join('');

test('[B-01] an app answers, and an answer of one piece has its length', () => {
  const played = get('/hello');
  expect(played).toMatchObject({ status: '200 OK', chunks: ['hello'], ended: true, error: undefined });
  expect(header(played, 'content-length')).toBe('5');
});

test('[A-90] the scope is made of the environ', () => {
  const environ = {
    SCRIPT_NAME: '/mounted',
    REMOTE_ADDR: '10.0.0.1',
    REMOTE_PORT: '4711',
    HTTP_X_ONE: 'a,b',
    CONTENT_TYPE: 'text/html',
  };
  // The app is mounted, so it sees its root path in the path.
  const scope = JSON.parse(
    get('/scope', { query: 'q=%20', environ: { ...environ, SCRIPT_NAME: '' } }).chunks.join(''),
  );
  expect(scope).toMatchObject({
    type: 'http',
    http_version: '1.1',
    method: 'GET',
    scheme: 'http',
    path: '/scope',
    query_string: 'q=%20',
    client: ['10.0.0.1', 4711],
    server: ['localhost', 80],
    asgi: { version: '3.0', spec_version: '2.5' },
    lane: { name: 'loop thread' },
    signal: true,
  });
  expect(scope.headers).toEqual([
    ['x-one', 'a,b'],
    ['content-type', 'text/html'],
  ]);
});

test('[B-08] the lifespan ran once, and its state is there', () => {
  get('/scope');
  expect(JSON.parse(get('/scope').chunks.join('')).state).toEqual({ startups: 1 });
});

test('[A-23] a path that is not UTF-8 is answered 400', () => {
  expect(get('/\u00ff')).toMatchObject({ status: '400 Bad Request', ended: true });
});

test('a body without Content-Length is read to its end', () => {
  expect(get('/echo', { method: 'POST', body: ['one', 'two'] }).chunks.join('')).toBe('onetwo');
});

test('a body with Content-Length needs no empty piece at its end', () => {
  const environ = { CONTENT_LENGTH: '6' };
  const body = ['one', 'two', () => expect.unreachable('read past the length')];
  expect(get('/echo', { method: 'POST', body, environ }).chunks.join('')).toBe('onetwo');
});

test('a start without headers, an unregistered status, an empty body', () => {
  expect(get('/bare')).toMatchObject({ status: '299 Unknown', chunks: [], ended: true, error: undefined });
});

test('an empty first piece makes the head leave', () => {
  expect(get('/bare-head')).toMatchObject({ status: '200 OK', chunks: ['', 'late'], ended: true });
});

test("[W-55] hop-by-hop headers of the app are the server's, and dropped", () => {
  const { headers, error } = get('/connection');
  expect(error).toBeUndefined();
  expect(headers.map(([name]) => name)).toEqual(['x-kept', 'content-length']);
});

for (const [path, chunks] of [
  ['/nothing', []],
  ['/start-only', []],
  ['/half', ['half']],
] as const) {
  test(`[A-37] ${path}: an app that returns too early is an error, never a hang`, () => {
    const played = get(path);
    expect(played).toMatchObject({ chunks, ended: false, error: { clause: 'A-37' } });
    expect(played.status).toBe(chunks.length > 0 ? '200 OK' : undefined);
  });
}

test('[B-07] what an app throws comes with its name, message, cause, and the stacks of both sides', () => {
  const { error, status } = get('/throws');
  expect(status).toBeUndefined();
  expect(error).toMatchObject({ name: 'RangeError', message: 'out of it', cause: { name: 'TypeError' } });
  expect(error?.stack).toMatch(/apps\/async\.ts.*thrown by the loop thread, called by.*responder\.ts/s);
});

test('[A-08] what an app throws after a piece ends the answer there', () => {
  expect(get('/throws-late')).toMatchObject({
    status: '200 OK',
    chunks: ['some'],
    ended: false,
    error: { name: 'RangeError', message: 'too late' },
  });
});

test('what an app throws after its answer is logged here, once', async () => {
  log.clear();
  expect(get('/throws-after')).toMatchObject({ chunks: ['fine'], ended: true, error: undefined });
  await log.until('after all');
  expect(log.troubles).toHaveLength(1);
});

test('an error that goes on to the caller is not logged here', async () => {
  log.clear();
  get('/throws');
  get('/throws-after');
  await log.until('after all');
  expect(log.text).not.toContain('out of it');
});

test('[A-31] an event at the wrong time is refused where the app sends it', () => {
  expect(get('/body-first').error).toMatchObject({ clause: 'A-31' });
});

test('[A-38] more bytes than Content-Length are refused where the app sends them', () => {
  expect(get('/too-long')).toMatchObject({ chunks: [], error: { clause: 'A-38' } });
});

test('an app goes on undisturbed when the server has all the bytes that it wants', () => {
  expect(get('/exact')).toMatchObject({ chunks: ['exact'], ended: true });
  expect(marks('exact')).toBe('exact went on');
});

test('HEAD: the app is not told that its client is gone', () => {
  expect(get('/exact', { method: 'HEAD' })).toMatchObject({ chunks: [], ended: true, error: undefined });
});

test('pieces come one by one, in order', () => {
  expect(get('/drip').chunks).toEqual(['0', '1', '2', '3', '4', '.']);
});

test('[B-02] a large body comes in pieces, whole', () => {
  const played = play(app, { path: '/big', query: '1000003' });
  expect(played.chunks.length).toBeGreaterThan(30);
  expect(Buffer.concat(played.chunks.map((chunk) => Buffer.from(chunk))).length).toBeGreaterThanOrEqual(
    1000003,
  );
});

test('[B-02] a caller that stops reading stops the app within a few pieces', () => {
  expect(get('/counted', {}, { leaveAfter: 3 }).chunks).toHaveLength(3);
  const [, sent, name] = marks('counted').split(' ');
  expect(name).toBe('Disconnected');
  expect(Number(sent)).toBeLessThanOrEqual(3 + 6);
});

test('[B-03] close() of the body is a disconnect for the app', () => {
  get('/waits', {}, { leaveAfter: 1 });
  expect(marks('waits')).toBe('waits http.disconnect\nwaits Disconnected');
});

test('[B-03] an upload that breaks off is a disconnect for the app, and an error for the server', () => {
  const body = [
    () => {
      throw new Disconnected();
    },
  ];
  expect(get('/size', { body }).error).toBeInstanceOf(Disconnected);
  expect(marks('size')).toBe('size 0 gone');
});

test('[B-03] a client that leaves while nothing is read or written is noticed', () => {
  let looks = 0;
  const environ = { 'dualgate.client_disconnected': () => ++looks > 2 };
  const began = performance.now();
  expect(get('/signal', { environ }).error).toBeInstanceOf(Disconnected);
  expect(performance.now() - began).toBeLessThan(1000);
  expect(marks('signal')).toBe('signal Disconnected');
});

test("another error of the input is receive's, with its status", () => {
  const body = [
    () => {
      throw new HttpError(413, 'too much');
    },
  ];
  expect(get('/catch', { body }).chunks).toEqual(['HttpError 413: too much']);
  expect(get('/size', { body }).error).toMatchObject({ name: 'HttpError', status: 413 });
});

test('several receives wait while the app sends', () => {
  expect(get('/receives', {}, { leaveAfter: 1 }).chunks).toEqual(['sent while receiving']);
  expect(marks('receives')).toBe('receives http.request http.disconnect http.disconnect');
});

test('an app that speaks while it listens is heard before its client has answered', () => {
  let answered: string[] = [];
  const input = {
    ready: () => answered.length > 0,
    readSome: () => Buffer.from(answered.shift() ?? expect.unreachable('read before there was anything')),
  };
  const call = app(environ({ path: '/greets', environ: { 'wsgi.input': input } }), () => () => {});
  const heard: string[] = [];
  for (const chunk of call) {
    heard.push(Buffer.from(chunk).toString());
    if (heard.length === 1) answered = ['yes'];
  }
  expect(heard).toEqual(['hello?', 'yes']);
});

test('[B-13] work after the last piece does not hold the caller', () => {
  const began = performance.now();
  expect(get('/background').chunks).toEqual(['done']);
  expect(performance.now() - began).toBeLessThan(250);
  expect(marks('background')).toBe('background over');
});

test('two calls of one thread may be open at once', () => {
  const one = app(...call('/drip'));
  const two = app(...call('/drip'));
  const pieces: string[] = [];
  for (const chunk of one) {
    pieces.push(Buffer.from(chunk).toString());
    for (const other of two) pieces.push(Buffer.from(other).toString());
  }
  expect(pieces.join('')).toBe('001234.1234.');
});

test('an app that is silent for too long is a 504', async () => {
  await using impatient = asyncToSync(`${file}:app`, { timeout: 100, lifespan: 'off' });
  await impatient.ready;
  expect(play(impatient, { path: '/silent' }).error).toMatchObject({ name: 'HttpError', status: 504 });
  expect(play(impatient, { path: '/hello' }).chunks).toEqual(['hello']);
});

for (const [path, answer, why] of [
  ['/uncaught', 'thrown', 'nobody catches this'],
  ['/unhandled', 'rejected', 'nobody handles this'],
] as const) {
  test(`[B-04] ${path}: what is thrown outside of any call is logged with its stack, and the thread lives on`, async () => {
    log.clear();
    expect(get(path)).toMatchObject({ chunks: [answer], ended: true, error: undefined });
    const { level, fields } = await log.until(why);
    expect(level).toBe('error');
    expect(fields['error']).toMatchObject({ name: 'RangeError', message: why });
    expect((fields['error'] as Error).stack).toContain('apps/async.ts');
    expect(JSON.parse(get('/scope').chunks.join('')).state).toEqual({ startups: 1 });
  });
}

test('a disconnect that nobody awaits is no trouble', async () => {
  log.clear();
  expect(get('/forgets').chunks).toEqual(['forgotten']);
  await log.until('nobody awaited');
  expect(log.troubles).toEqual([]);
  expect(get('/hello').chunks).toEqual(['hello']);
});

test('[B-04] the death of the loop thread is an error for the thread that it leaves blocked, until it runs again', async () => {
  const own = new Recorder();
  await using fragile = asyncToSync(`${file}:app`, { log: own });
  await fragile.ready;
  const open = fragile(...call('/drip'))[Symbol.iterator]();
  const began = performance.now();
  expect(play(fragile, { path: '/exit' }).error).toMatchObject({ code: 'THREAD' });
  expect(play(fragile, { path: '/hello' }).error).toMatchObject({ code: 'THREAD' });
  expect(performance.now() - began).toBeLessThan(2000);
  await own.until('runs again');
  expect(play(fragile, { path: '/hello' }).chunks).toEqual(['hello']);
  // A call of the old thread does not wait for the new one.
  expect(() => [...{ [Symbol.iterator]: () => open }]).toThrow(expect.objectContaining({ code: 'THREAD' }));
});

test('[B-04] an app that spins is a 504, and its thread is terminated at the close', async () => {
  const source = `${file}:app`;
  const own = new Recorder();
  const loop = new LoopThread(parseRef(source), { log: own, timeout: 100 });
  await loop.start();
  const spinning = fromLoop(loop.caller().value);
  expect(play(spinning, { path: '/spin' }).error).toMatchObject({ status: 504 });
  expect(play(spinning, { path: '/hello' }).error).toMatchObject({ status: 504 });
  await loop.close(50);
  expect(own.text).toContain('did not end in time');
  expect(play(spinning, { path: '/hello' }).error).toMatchObject({ code: 'THREAD' });
});

test('a function is refused with the reason', () => {
  const own = async (): Promise<void> => {};
  // Not what the types allow.
  expect(() => asyncToSync(own as unknown as string)).toThrow(
    expect.objectContaining({ code: 'BRIDGE_SAME_THREAD', message: expect.stringContaining('"own"') }),
  );
});

test('a call before the app is ready is refused at once', async () => {
  await using early = asyncToSync(`${file}:app`);
  expect(play(early, { path: '/hello' }).error).toMatchObject({
    code: 'THREAD',
    message: expect.stringContaining('ready'),
  });
  await early.ready;
  expect(play(early, { path: '/hello' }).chunks).toEqual(['hello']);
});

test('an app that cannot be loaded rejects ready, and every call', async () => {
  await using missing = asyncToSync(`${file}:nothing`);
  await expect(missing.ready).rejects.toMatchObject({ code: 'APP_LOAD' });
  expect(play(missing, { path: '/' }).error).toMatchObject({ code: 'APP_LOAD' });
});

test('[A-71] an app that fails to start rejects ready with its message', async () => {
  await using failing = asyncToSync(`${file}:refuses`);
  await expect(failing.ready).rejects.toMatchObject({
    code: 'APP_START',
    message: expect.stringContaining('no database'),
  });
});

function call(path: string): Parameters<BridgedSyncApp> {
  return [environ({ path }), () => () => {}];
}
