// Calls on this thread's own event loop.
import { openSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { expect, test, vi } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { HttpError } from '../../../src/core/errors.ts';
import { createLog, type Fields, type Log } from '../../../src/core/log.ts';
import { Inline, type InlineOptions } from '../../../src/sync/inline.ts';
import type {
  Environ,
  InputStream,
  ResponseBody,
  StartResponse,
  SyncApp,
} from '../../../src/sync/interface.ts';
import { hostile, app as many } from './apps/many.ts';
import { type Given, TestCall } from './carrier.ts';

async function run(app: SyncApp, given: Given = {}, options: InlineOptions = {}): Promise<TestCall> {
  const call = new TestCall(given);
  await new Inline(app, options).run(call);
  return call;
}

const pieces = (count: number, size: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => new Uint8Array(size).fill(index & 0xff));

test('answers, and says who it is', async () => {
  const call = await run(many, { path: '/hello' });
  expect([call.status, call.text, call.ended]).toEqual(['200 OK', 'hello from loop', true]);
});

test('[W-16] the environ says that there is one thread', async () => {
  const { text } = await run(many, { path: '/environ' });
  expect(JSON.parse(text)).toMatchObject({ 'wsgi.multithread': false, 'dualgate.lane': 'loop' });
});

test('what was asked for is logged as it was, whatever the app made of its environ', async () => {
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  const log: Log = { level: 'debug', debug: add, info: add, warn: add, error: add };
  const app: SyncApp = (environ) => {
    environ.PATH_INFO = '/changed';
    throw new Error('fault');
  };
  await run(app, { path: '/x' }, { log });
  expect(lines).toEqual(['The app failed on GET "/x"']);
});

test.each([
  [1, 10],
  [3, 100_000],
  [8, 100_000],
  [40, 99_991],
])(
  '[W-38] a body of %i pieces of %i bytes is read whole, from memory or from a file',
  async (count, size) => {
    const body = pieces(count, size);
    const call = await run(many, { method: 'POST', path: '/relay', body });
    expect(Buffer.compare(call.body, Buffer.concat(body))).toBe(0);
  },
);

test('[W-38] a hundred thousand pieces of one byte are read in about the time of one that is large', async () => {
  const from = performance.now();
  const call = await run(many, { method: 'POST', path: '/count', body: pieces(100_000, 1) });
  expect(call.text).toBe('100000');
  expect(performance.now() - from).toBeLessThan(1_500);
});

test.each(Object.keys(hostile))(
  '[W-83] an app that throws what cannot be looked at (%s): one line in the log, and 500',
  async (query) => {
    const lines: string[] = [];
    const seen = createLog({ format: 'json', fd: openSync(devNull, 'w') });
    const add = (line: string, fields?: Fields): void => {
      seen.error(line, fields);
      lines.push(line);
    };
    const log: Log = { level: 'debug', debug: add, info: add, warn: add, error: add };
    const call = await run(many, { path: '/throw-hostile', query }, { log });
    expect(call.failure).toMatchObject({ code: 'HTTP', status: 500 });
    expect(lines).toEqual(['The app failed on GET "/throw-hostile"']);
  },
);

test('a body that cannot be kept in a file: the log says that, and not that the app failed', async () => {
  vi.stubEnv('TMPDIR', join(tmpdir(), 'there-is-no-such-folder'));
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  const log: Log = { level: 'debug', debug: add, info: add, warn: add, error: add };
  const given = { method: 'POST', path: '/count', body: pieces(20, 100_000) };
  const call = await run(many, given, { log }).finally(() => vi.unstubAllEnvs());
  expect(call.failure).toMatchObject({ status: 500, cause: { code: 'ENOENT' } });
  expect(lines).toEqual(['The request body could not be kept for POST "/count"']);
});

test('a body beyond the limit is refused with 413, and the app is not called', async () => {
  let called = false;
  const app: SyncApp = () => {
    called = true;
    return [];
  };
  const call = await run(app, { method: 'POST', body: pieces(3, 10) }, { maxBody: 29 });
  expect(call.failure).toMatchObject({ code: 'HTTP', status: 413 });
  expect(called).toBe(false);
});

test('[W-39] an upload that breaks off: the app is not called', async () => {
  const never = deferred<Uint8Array>();
  const call = new TestCall({ method: 'POST', path: '/hello', body: [Buffer.from('x'), never.promise] });
  const running = new Inline(many).run(call);
  call.leave();
  await running;
  expect(call.status).toBeUndefined();
});

test('[W-75] the next piece is asked for when the last has been taken', async () => {
  let made = 0;
  const app: SyncApp = function* (_environ: Environ, startResponse: StartResponse) {
    startResponse('200 OK', []);
    for (; made < 5; made++) yield Buffer.from('x');
  };
  const hold = deferred();
  const call = new TestCall({ room: (total) => (total < 2 ? undefined : hold.promise) });
  const running = new Inline(app).run(call);
  await wait(20);
  expect([made, call.bytes]).toEqual([1, 2]);
  hold.resolve();
  await running;
  expect([made, call.bytes, call.ended]).toEqual([5, 5, true]);
});

test.each([true, false])(
  '[W-77] a client that leaves ends the app, and close() runs (while it waits: %s)',
  async (waits) => {
    let closed = 0;
    const body: ResponseBody = {
      *[Symbol.iterator]() {
        for (;;) yield Buffer.from('x');
      },
      close() {
        closed += 1;
      },
    };
    const app: SyncApp = (_environ, startResponse) => {
      startResponse('200 OK', []);
      return body;
    };
    const call = new TestCall({ keep: false, ...(waits && { room: () => new Promise<void>(() => {}) }) });
    const running = new Inline(app).run(call);
    await call.first.promise;
    setTimeout(() => call.leave(), 30);
    await running;
    expect([closed, call.ended]).toEqual([1, false]);
  },
);

test('[W-83] an app that throws: 500 before its head, cut after it, logged once', async () => {
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  const log: Log = { level: 'debug', debug: add, info: add, warn: add, error: add };
  const early = await run(many, { path: '/throw' }, { log });
  expect(early.failure).toMatchObject({ status: 500, cause: { message: 'The app has a fault' } });
  const late = await run(many, { path: '/throw-late' }, { log });
  expect([late.text, late.ended, late.failure instanceof HttpError]).toEqual(['some', false, true]);
  expect(lines).toEqual(['The app failed on GET "/throw"', 'The app failed on GET "/throw-late"']);
});

test('an error of close() after a complete answer is logged, and harms nobody', async () => {
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  const log: Log = { level: 'debug', debug: add, info: add, warn: add, error: add };
  const app: SyncApp = (_environ, startResponse) => {
    startResponse('200 OK', []);
    const body: ResponseBody = [Buffer.from('x')];
    body.close = () => {
      throw new Error('closing');
    };
    return body;
  };
  const call = await run(app, {}, { log });
  expect([call.ended, call.failure, lines]).toEqual([true, undefined, ['The app failed on GET "/"']]);
});

test('[W-70] what write() gives comes first', async () => {
  expect((await run(many, { path: '/write' })).text).toBe('one two three');
});

test('an app may fill the same buffer again for its next piece', async () => {
  const app: SyncApp = function* (_environ, startResponse) {
    startResponse('200 OK', []);
    const buffer = Buffer.alloc(2);
    for (const text of ['ab', 'cd', 'ef']) {
      buffer.write(text);
      yield buffer;
    }
  };
  expect((await run(app)).text).toBe('abcdef');
});

test('wsgi.input is dead once the call is over', async () => {
  let kept: InputStream | undefined;
  const app: SyncApp = (environ, startResponse) => {
    kept = environ['wsgi.input'];
    startResponse('200 OK', []);
    return [];
  };
  await run(app, { method: 'POST', body: [Buffer.from('secret')] });
  expect(() => kept?.read()).toThrow(/after its request was over/);
});

test('an async function is refused at once', () => {
  const app = (async () => []) as unknown as SyncApp;
  expect(() => new Inline(app)).toThrow(/it is an async function/);
});

test('close lets calls finish, past its grace it cuts them, and takes no more', async () => {
  const inline = new Inline(many);
  const call = new TestCall({ path: '/forever', keep: false, room: () => wait(5) });
  const running = inline.run(call);
  await call.first.promise;
  await Promise.all([inline.close(40), running]);
  expect(call.failure).toMatchObject({ code: 'CLOSED' });
  const after = new TestCall({ path: '/hello' });
  await inline.run(after);
  expect(after.failure).toMatchObject({ status: 503 });
});
