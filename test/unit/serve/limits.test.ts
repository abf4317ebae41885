// Limits as settings: a row for each of the engine's, the same default, and each of them over a real socket.
import { describe, expect, test } from 'vitest';

import type { AsyncApp, Receive, Send } from '../../../src/async/interface.ts';
import { deferred } from '../../../src/core/deferred.ts';
import { defaultLimits, type Limits } from '../../../src/http/limits.ts';
import { settle } from '../../../src/serve/config.ts';
import { listenerOptions } from '../../../src/serve/listener-options.ts';
import { type ServeOptions, serve } from '../../../src/serve/serve.ts';
import { type Config, settingOf, table } from '../../../src/serve/settings.ts';
import { RawClient } from '../../support/raw-client.ts';

const keys = Object.keys(defaultLimits) as (keyof Limits)[]; // a literal: it has these and no others
/** Settings that are called otherwise: --max-requests is another thing to people who come from gunicorn. */
const otherwise: Partial<Record<keyof Limits, string>> = {
  maxRequests: 'requestsPerConnection',
  underscores: 'underscoreHeaders',
};

test.each(keys)('%s has a row with the same default, and reaches the listener', (key) => {
  const name = otherwise[key] ?? key;
  const row = table.find((one) => one.name === name);
  expect(row?.default).toBe(defaultLimits[key]);
  const value = row?.type === 'choice' ? 'refuse' : Number(row?.default) + 7;
  // The row's own type, as its default has it.
  const code = { maxBuffered: 2 ** 20, [name]: value } as Config;
  expect(listenerOptions(settle(code, {})).limits).toMatchObject({ [key]: value });
  expect(Object.keys(listenerOptions(settle({}, {})).limits).sort()).toEqual([...keys].sort());
});

test.each([
  ['maxHead', 0, 'it is bytes, 64 at least, such as 16384'],
  ['maxHeaders', 0, 'it is a whole number, 1 to 1000000'],
  ['maxTarget', 0, 'it is bytes, 1 at least'],
  ['maxTrailers', 0, 'it is bytes, 2 at least'],
  ['maxConnections', 0, 'it is a whole number, 1 or more'],
  ['maxBuffered', 0, 'it is bytes, 64 at least'],
  ['headTimeout', 0, 'it is milliseconds, 100 at least, 2073600000 at most, such as 30000'],
  ['bodyGrace', 99, 'it is milliseconds, 100 at least'],
  ['sendTimeout', 0, 'it is milliseconds, 100 at least'],
])('%s %d would refuse everybody, and is refused', (name, value, why) => {
  expect(() => settle({ [name]: value }, {})).toThrow(`Cannot take ${name} ${value}: ${why}`);
  const row = table.find((one) => one.name === name);
  expect(() =>
    settle({}, { [row?.variable ?? '']: `${value}${row?.type === 'duration' ? 'ms' : ''}` }),
  ).toThrow(`Cannot read ${row?.variable}`);
});

test('a memory that no thread can do with is refused, and 0 is no limit', () => {
  expect(() => settle({ maxThreadMemory: 64 }, {})).toThrow(
    /^Cannot take maxThreadMemory 64: a thread holds/,
  );
  expect(settle({ maxThreadMemory: 2 ** 24 }, {}).maxThreadMemory).toBe(2 ** 24);
});

test.each([
  ['maxThreadMemory', 0],
  ['requestsPerConnection', 0],
  ['idleTimeout', 0],
  ['bodyRate', 0],
  ['lingerTimeout', 0],
  ['maxDrained', 0],
  ['maxExtensions', 0],
  ['maxBody', 0],
])('%s %d makes sense', (name, value) => {
  expect(settle({ [name]: value }, {})).toMatchObject({ [name]: value });
});

test.each([
  ['--limit-request-line', 'maxTarget'],
  ['--limit-request-fields', 'maxHeaders'],
  ['--keep-alive', 'idleTimeout'],
  ['--timeout-keep-alive', 'idleTimeout'],
  ['--header-map', 'underscoreHeaders'],
])('%s is %s', (flag, name) => {
  expect(settingOf(flag)?.name).toBe(name);
});

const host = 'Host: a';
const get = ['GET / HTTP/1.1', host];
const post = (size: number | 'chunked'): string[] => [
  'POST /read HTTP/1.1',
  host,
  size === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`,
];

/** Reads the body where the path says so, and answers with how many bytes it was. */
const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type !== 'http') throw new Error('Only HTTP');
  const size = scope.path === '/read' ? await sizeOf(receive as Receive<'http'>) : 0;
  await answer(send, `${size}`);
};

async function sizeOf(receive: Receive<'http'>): Promise<number> {
  for (let size = 0; ; ) {
    const event = await receive();
    if (event.type === 'http.disconnect') throw new Error('It went away');
    size += event.body.length;
    if (!event.more_body) return size;
  }
}

async function answer(send: Send, text: string): Promise<void> {
  const headers = [['content-length', `${text.length}`]] as const;
  await send({ type: 'http.response.start', status: 200, headers });
  await send({ type: 'http.response.body', body: Buffer.from(text) });
}

interface Running extends AsyncDisposable {
  open(): Promise<RawClient>;
}

async function running(options: ServeOptions, served: AsyncApp = app): Promise<Running> {
  const quiet = { bind: '127.0.0.1:0', accessLog: false, logLevel: 'silent', lifespan: 'off' } as const;
  const server = await serve(served, { ...quiet, interface: 'async', ...options });
  return {
    open: () => RawClient.open(new URL(server.url)),
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

/** Status, and what becomes of the connection. */
async function outcome(client: RawClient): Promise<[status: number, connection: string]> {
  const got = await client.answer();
  return [got.status, got.get('connection') ?? 'kept'];
}

/** Sends and asks again, as long as the connection is there. */
async function trickle(client: RawClient, byte = 'x'): Promise<void> {
  for (let count = 0; count < 400 && !client.ending; count += 1) {
    client.send(byte);
    await new Promise((resolve) => setTimeout(resolve, 20)); // how slow it is, not what the test waits for
  }
}

describe.concurrent('sizes and numbers', () => {
  test.each<[string, ServeOptions, string, number]>([
    ['maxHead', { maxHead: 300 }, `${get.join('\r\n')}\r\nX: ${'y'.repeat(300)}\r\n\r\n`, 431],
    ['maxHeaders', { maxHeaders: 2 }, `${get.join('\r\n')}\r\nX: 1\r\nY: 2\r\n\r\n`, 431],
    ['maxTarget', { maxTarget: 10 }, `GET /${'a'.repeat(10)} HTTP/1.1\r\n${host}\r\n\r\n`, 414],
    ['maxBody, declared', { maxBody: 10 }, `${post(11).join('\r\n')}\r\n\r\n`, 413],
    [
      'maxBody, chunked',
      { maxBody: 10 },
      `${post('chunked').join('\r\n')}\r\n\r\nb\r\nhello world\r\n0\r\n\r\n`,
      413,
    ],
    [
      'maxTrailers',
      { maxTrailers: 20 },
      `${post('chunked').join('\r\n')}\r\n\r\n0\r\nX: ${'y'.repeat(20)}\r\n\r\n`,
      431,
    ],
    [
      'maxExtensions',
      { maxExtensions: 5 },
      `${post('chunked').join('\r\n')}\r\n\r\n1;abcdefg\r\nx\r\n0\r\n\r\n`,
      400,
    ],
    ['underscoreHeaders', { underscoreHeaders: 'refuse' }, `${get.join('\r\n')}\r\nX_Y: 1\r\n\r\n`, 400],
  ])('%s: refused beyond it, and taken at the default', async (_, options, bytes, status) => {
    await using server = await running(options);
    await using client = await server.open();
    expect(await outcome(client.send(bytes))).toEqual([status, 'close']);
    await using free = await running({});
    await using other = await free.open();
    expect(await outcome(other.send(bytes.replace('Content-Length: 11\r\n\r\n', '$&hello world')))).toEqual([
      200,
      'kept',
    ]);
  });

  test('requestsPerConnection: the last one is answered with connection: close', async ({ expect }) => {
    await using server = await running({ requestsPerConnection: 2 });
    await using client = await server.open();
    expect(await outcome(client.request(...get))).toEqual([200, 'kept']);
    expect(await outcome(client.request(...get))).toEqual([200, 'close']);
    expect((await client.closed()).ending).toBe('end');
  });

  test('maxConnections: one more is answered 503', async ({ expect }) => {
    await using server = await running({ maxConnections: 1 });
    await using first = await server.open();
    expect(await outcome(first.request(...get))).toEqual([200, 'kept']);
    await using second = await server.open();
    expect(await outcome(second)).toEqual([503, 'close']);
    expect(await outcome(first.request(...get))).toEqual([200, 'kept']);
  });

  test('maxDrained: a body that nobody reads is dropped up to it', async ({ expect }) => {
    await using server = await running({ maxDrained: 100 });
    await using client = await server.open();
    const unread = (size: number): string[] => ['POST / HTTP/1.1', host, `Content-Length: ${size}`];
    client.request(...unread(100)).send('x'.repeat(100));
    expect(await outcome(client)).toEqual([200, 'kept']);
    expect(await outcome(client.request(...unread(101)))).toEqual([200, 'close']);
  });

  test('maxBuffered: so much is taken for an app that does not read', async ({ expect }) => {
    const size = 32 * 2 ** 20; // more than the kernel holds
    const read = deferred();
    await using server = await running({ maxBuffered: 2 * size }, async (_, receive, send) => {
      await read.promise;
      await answer(send, `${await sizeOf(receive as Receive<'http'>)}`);
    });
    await using client = await server.open();
    await client
      .request(...post(size))
      .send(Buffer.alloc(size))
      .flushed();
    read.resolve();
    expect((await client.answer()).text).toBe(`${size}`);
  });
});

describe.concurrent('times', () => {
  test('headTimeout: 408, whatever trickles in', async ({ expect }) => {
    await using server = await running({ headTimeout: 100 });
    await using client = await server.open();
    client.send(`${get.join('\r\n')}\r\nX: `);
    const done = trickle(client);
    expect(await outcome(client)).toEqual([408, 'close']);
    await done;
  });

  test('idleTimeout: a kept connection is closed without a word', async ({ expect }) => {
    await using server = await running({ idleTimeout: 100 });
    await using client = await server.open();
    expect(await outcome(client.request(...get))).toEqual([200, 'kept']);
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });

  test('bodyRate after bodyGrace: 408; time in which the app does not read does not count', async ({
    expect,
  }) => {
    const read = deferred();
    const slow: AsyncApp = async (scope, receive, send) => {
      if (scope.type !== 'http') return;
      if (scope.query_string === 'later') await read.promise;
      await app(scope, receive, send);
    };
    const limits = { bodyGrace: 100, bodyRate: 1_000_000, maxBuffered: 64 * 1024 };
    await using server = await running(limits, slow);
    await using patient = await server.open();
    const size = 16 * 2 ** 20; // reading is paused, with most of it in the kernel and in the client
    patient.request(`POST /read?later HTTP/1.1`, host, `Content-Length: ${size}`).send(Buffer.alloc(size));
    await using client = await server.open();
    client.request(...post(100_000));
    const done = trickle(client);
    expect(await outcome(client)).toEqual([408, 'close']);
    await done;
    // by now the other one has waited for longer than the first one's grace
    read.resolve();
    expect((await patient.answer()).text).toBe(`${size}`);
  });

  test('bodyRate 0: no rate', async ({ expect }) => {
    await using server = await running({ bodyGrace: 100, bodyRate: 0 });
    await using strict = await running({ bodyGrace: 100, bodyRate: 1000 });
    await using client = await server.open();
    await using other = await strict.open();
    client.request(...post(2)).send('x');
    other.request(...post(2)).send('x');
    expect(await outcome(other)).toEqual([408, 'close']);
    client.send('y');
    expect((await client.answer()).text).toBe('2');
  });

  test('sendTimeout: a client that takes nothing is cut', async ({ expect }) => {
    const failed = deferred<unknown>();
    await using server = await running({ sendTimeout: 100 }, async (_scope, _receive, send) => {
      await send({ type: 'http.response.start', status: 200 });
      const body = Buffer.alloc(256 * 1024);
      try {
        for (;;) await send({ type: 'http.response.body', body, more_body: true });
      } catch (error) {
        failed.resolve(error);
      }
    });
    await using client = await server.open();
    client.pause();
    client.request(...get);
    expect(await failed.promise).toMatchObject({ code: 'DISCONNECTED' });
  });

  test('lingerTimeout: a connection that was answered and closed is given up', async ({ expect }) => {
    const refusedFirst = async (lingerTimeout: number): Promise<Running & { first: RawClient }> => {
      const server = await running({ maxConnections: 1, lingerTimeout });
      const first = await server.open();
      expect(await outcome(first.request('GET / HTTP/1.1'))).toEqual([400, 'close']);
      const close = async (): Promise<void> => {
        await first[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      };
      return { open: server.open, first, [Symbol.asyncDispose]: close };
    };
    await using long = await refusedFirst(3_600_000);
    await using short = await refusedFirst(0);
    // its place is free once it is gone: the client still has its end open
    for (let status = 503; status === 503; ) {
      await using next = await short.open();
      [status] = await outcome(next.request(...get));
    }
    await using next = await long.open();
    expect(await outcome(next)).toEqual([503, 'close']);
  });
});
