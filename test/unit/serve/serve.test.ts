// serve() in code: functions and references, what it says, and what closes.
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import type { AsyncApp } from '../../../src/async/interface.ts';
import { deferred } from '../../../src/core/deferred.ts';
import type { Fields, Log } from '../../../src/core/log.ts';
import { type ServeOptions, serve } from '../../../src/index.ts';
import type { SyncApp } from '../../../src/sync/interface.ts';
import { once, RawClient } from '../../support/raw-client.ts';

const quiet = { bind: '127.0.0.1:0', accessLog: false } as const;
const hello = fileURLToPath(new URL('../../e2e/apps/hello-sync.ts', import.meta.url));

const syncApp: SyncApp = (environ, startResponse) => {
  startResponse('200 OK', []);
  return [Buffer.from(`sync ${environ.PATH_INFO} ${environ['dualgate.lane']}`)];
};
const asyncApp: AsyncApp = async (scope, _receive, send) => {
  if (scope.type !== 'http') throw new Error('Only HTTP');
  await send({ type: 'http.response.start', status: 200 });
  await send({ type: 'http.response.body', body: Buffer.from(`async ${scope.path}`) });
};

test('a sync function on this loop, an async one too, and over the bridge', async () => {
  const { log, lines } = recorded();
  await using one = await serve(syncApp, { ...quiet, log });
  await using two = await serve(asyncApp, { ...quiet, log });
  await using three = await serve(syncApp, { ...quiet, log, server: 'async' });
  expect([one.carrier, two.carrier, three.carrier]).toEqual(['sync inline', 'async', 'async ← sync inline']);
  const texts = [one, two, three].map(async ({ url }) => (await fetch(`${url}/a`)).text());
  expect(await Promise.all(texts)).toEqual(['sync /a loop', 'async /a', 'sync /a loop']);
  expect(lines.filter((line) => line.includes('carried by'))).toEqual([
    'syncApp is a sync app (environ, startResponse); carried by sync inline',
    'asyncApp is an async app (scope, _receive, send); carried by async',
    'syncApp is a sync app (environ, startResponse); carried by async ← sync inline',
  ]);
});

test.each<[string, SyncApp | AsyncApp | string, ServeOptions]>([
  ['sync inline', syncApp, {}],
  ['async', asyncApp, {}],
  ['async ← sync inline', syncApp, { server: 'async' }],
  ['sync threads', `${hello}:app`, { threads: 1 }],
])('engine: node serves %s by node:http, whose parser knows no method "purge"', async (_, app, options) => {
  for (const [engine, status] of [
    ['own', 200],
    ['node', 400],
  ] as const) {
    await using served = await serve(app, { ...quiet, logLevel: 'silent', ...options, engine });
    const url = new URL(served.url);
    expect((await once(url, ['GET /a HTTP/1.1', 'host: a'])).status).toBe(200);
    expect((await once(url, ['purge /a HTTP/1.1', 'host: a'])).status).toBe(status);
  }
});

test('a setting that does nothing where the app runs is named', async () => {
  const { log, lines } = recorded();
  const more = { threadMode: 'block', queue: 5, timeout: 1000 } as const;
  await using one = await serve(syncApp, { ...quiet, log, ...more });
  await using two = await serve(asyncApp, { ...quiet, log, environ: { SITE: 'shop' } });
  await using three = await serve(`${hello}:app`, { ...quiet, log, threads: 1, ...more });
  expect([one.carrier, two.carrier, three.carrier]).toEqual(['sync inline', 'async', 'sync threads (1)']);
  expect(lines.filter((line) => line.includes('nothing here'))).toEqual([
    'threadMode (--thread-mode), queue (--queue) do nothing here: the app is not on threads',
    'environ (--environ) does nothing here: an async app has no environ',
  ]);
});

test('a reference goes to threads', async () => {
  await using served = await serve(`${hello}:app`, { ...quiet, threads: 1, logLevel: 'silent' });
  const response = await fetch(`${served.url}/b`);
  expect(await response.text()).toBe('Hello from WSGI! You requested: /b');
  expect(response.headers.get('x-lane')).toBe('thread 1');
});

test('close() is safe to call twice, and frees the port', async () => {
  const served = await serve(asyncApp, { ...quiet, logLevel: 'silent' });
  await Promise.all([served.close(), served.close()]);
  await served[Symbol.asyncDispose]();
  await expect(fetch(served.url)).rejects.toThrow();
});

test('close(Infinity) lets a request finish: a grace beyond what a timer can hold does not cut at once', async () => {
  const { promise: finish, resolve: go } = deferred();
  const { promise: inside, resolve: enter } = deferred();
  const waiting: AsyncApp = async (scope, receive, send) => {
    await asyncApp(scope, receive, async (event) => {
      enter();
      await finish;
      await send(event);
    });
  };
  await using served = await serve(waiting, { ...quiet, logLevel: 'silent', lifespan: 'off' });
  const text = fetch(`${served.url}/late`).then((response) => response.text());
  await inside;
  const closing = served.close(Number.POSITIVE_INFINITY);
  setTimeout(go, 50); // a timer of 1 ms, as an overflow is, would have cut it by then
  expect(await text).toBe('async /late');
  await closing;
});

test('a port in use rejects with LISTEN, and leaves nothing open', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  try {
    // A server on a TCP port has an address of this form.
    const { port } = taken.address() as { port: number };
    const bind = `127.0.0.1:${port}`;
    for (const app of [syncApp, asyncApp, `${hello}:app`]) {
      const starting = serve(app, {
        ...quiet,
        bind,
        threads: typeof app === 'string' ? 1 : 0,
        logLevel: 'silent',
      });
      await expect(starting).rejects.toMatchObject({
        code: 'LISTEN',
        message: expect.stringContaining(String(port)),
      });
    }
  } finally {
    taken.close();
  }
});

test('a body beyond maxBody is answered 413', async () => {
  const reader: SyncApp = (environ, startResponse) => {
    startResponse('200 OK', []);
    return [environ['wsgi.input'].read()];
  };
  await using served = await serve(reader, { ...quiet, maxBody: 10, logLevel: 'silent' });
  const ask = (body: string): Promise<Response> => fetch(served.url, { method: 'POST', body });
  expect((await ask('0123456789')).status).toBe(200);
  expect((await ask('0123456789+')).status).toBe(413);
});

test('an unknown option and a class are refused', async () => {
  // What a JavaScript caller may write.
  const wrong = { ...quiet, thread: 1 } as object;
  await expect(serve(syncApp, wrong)).rejects.toMatchObject({ code: 'USAGE' });
  class App {}
  await expect(serve(App as unknown as SyncApp, quiet)).rejects.toMatchObject({ code: 'APP_KIND' });
});

test('with the buffer off: one request a connection, and the log says what that costs', async () => {
  const { log, lines } = recorded();
  await using server = await serve(hello, { ...quiet, log, threads: 1, buffer: false });
  await using client = await RawClient.open(new URL(server.url));
  client.request('GET / HTTP/1.1', 'Host: x');
  expect((await client.answer()).get('connection')).toBe('close');
  expect(lines.filter((line) => line.startsWith('The buffer is off'))).toHaveLength(1);
});

function recorded(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const take = (message: string, _fields?: Fields): void => {
    lines.push(message);
  };
  return { lines, log: { level: 'debug', debug: take, info: take, warn: take, error: take } };
}
