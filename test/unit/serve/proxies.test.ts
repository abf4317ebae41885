// Proxies, limits and names with "_" as settings: they reach the listener on every carrier, and apps see what they say.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { type ServeOptions, serve } from '../../../src/serve/serve.ts';
import { once, RawClient } from '../../support/raw-client.ts';
import { Recorder } from '../../support/recorder.ts';

const apps = fileURLToPath(new URL('../../conformance/apps/all.ts', import.meta.url));
const quiet = { bind: '127.0.0.1:0', accessLog: false, logLevel: 'silent' } as const;
const get = ['GET /reflect HTTP/1.1', 'Host: inside'];
const said = [
  'X-Forwarded-For: 6.6.6.6, 203.0.113.7:4711',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: a.example',
];
const spoofs = ['X_Forwarded_For: 6.6.6.6', 'Forwarded: for=6.6.6.6'];

type Seen = Readonly<Record<string, unknown>> & { readonly headers: [string, string][] };

/** What the app saw: its environ, or its scope. */
async function seen(where: URL | string, ...lines: string[]): Promise<Seen> {
  const { status, text } = await once(where, [...get, ...lines]);
  expect([status, text]).toEqual([200, text]);
  return JSON.parse(text);
}

const everyCarrier: [carrier: string, app: 'sync' | 'async', options: ServeOptions][] = [
  ['sync inline', 'sync', { server: 'sync', threads: 0 }],
  ['sync threads (1)', 'sync', { server: 'sync', threads: 1 }],
  ['async', 'async', { server: 'async' }],
  ['async ← sync inline', 'sync', { server: 'async', threads: 0 }],
  ['async ← sync threads (1)', 'sync', { server: 'async', threads: 1 }],
  ['sync inline ← async', 'async', { server: 'sync', threads: 0 }],
  ['sync threads (1) ← async', 'async', { server: 'sync', threads: 1 }],
];

describe.each(everyCarrier)('%s', (carrier, app, options) => {
  test('believes a trusted proxy, and holds limits', async () => {
    await using served = await serve(`${apps}:${app}`, {
      ...quiet,
      ...options,
      trustedProxies: ['127.0.0.1'],
      forwardedHost: true,
      underscoreHeaders: 'allow',
      maxTarget: 100,
    });
    expect(served.carrier).toBe(carrier);
    const url = new URL(served.url);
    const it = await seen(
      url,
      ...said,
      ...spoofs,
      'X_A: 1',
      'X-A: 2',
      'Content_Length: 7',
      'Content_Type: x/y',
    );
    if (app === 'sync') {
      expect(it).toMatchObject({
        REMOTE_ADDR: '203.0.113.7',
        REMOTE_PORT: '4711',
        HTTPS: 'on',
        HTTP_HOST: 'a.example',
        SERVER_NAME: 'a.example',
        SERVER_PORT: '443',
        'wsgi.url_scheme': 'https',
        HTTP_X_FORWARDED_FOR: '6.6.6.6, 203.0.113.7:4711',
        HTTP_X_A: '1,2',
      });
      expect(it['HTTP_FORWARDED']).toBeUndefined();
      expect([it['CONTENT_LENGTH'], it['CONTENT_TYPE']]).toEqual([undefined, undefined]);
    } else {
      expect(it).toMatchObject({
        client: ['203.0.113.7', 4711],
        server: ['a.example', 443],
        scheme: 'https',
      });
      const values = (name: string): string[] =>
        it.headers.filter(([key]) => key.replaceAll('_', '-') === name).map(([, value]) => value);
      expect(values('host')).toEqual(['a.example']);
      expect(values('x-forwarded-for')).toEqual(['6.6.6.6, 203.0.113.7:4711']);
      expect(values('x-a').join()).toBe('1,2');
      expect(values('forwarded')).toEqual([]);
      expect(it.headers.filter(([name]) => /^content-(length|type)$/.test(name))).toEqual([]);
    }
    expect((await once(url, [...get, 'X-Forwarded-For: nobody'])).status).toBe(400);
    expect((await once(url, [`GET /${'a'.repeat(100)} HTTP/1.1`, 'Host: a'])).status).toBe(414);
  });
});

test('off: nothing is believed and nothing is removed', async () => {
  await using served = await serve(`${apps}:async`, quiet);
  const it = await seen(new URL(served.url), ...said, 'Forwarded: for=6.6.6.6');
  expect(it).toMatchObject({ scheme: 'http', client: ['127.0.0.1', expect.any(Number)] });
  expect(Object.fromEntries(it.headers)).toMatchObject({
    host: 'inside',
    'x-forwarded-for': '6.6.6.6, 203.0.113.7:4711',
    forwarded: 'for=6.6.6.6',
  });
});

test('a peer that is not trusted: nothing is believed, and all of it is removed', async () => {
  await using served = await serve(`${apps}:sync`, { ...quiet, threads: 0, trustedProxies: ['192.0.2.1'] });
  const it = await seen(new URL(served.url), ...said, ...spoofs, 'X-Real-IP: 6.6.6.6');
  expect(it).toMatchObject({ REMOTE_ADDR: '127.0.0.1', HTTP_HOST: 'inside', 'wsgi.url_scheme': 'http' });
  expect(Object.keys(it).filter((key) => /FORWARDED|REAL_IP/.test(key))).toEqual([]);
});

test('each request of a kept connection has its own client; one that is broken closes it', async () => {
  await using served = await serve(`${apps}:async`, { ...quiet, trustedProxies: ['127.0.0.0/8'] });
  await using client = await RawClient.open(new URL(served.url));
  const clients: unknown[] = [];
  for (const address of ['203.0.113.1', '203.0.113.2']) {
    client.request(...get, `X-Forwarded-For: ${address}`);
    clients.push(JSON.parse((await client.answer()).text).client);
  }
  client.request(...get);
  clients.push(JSON.parse((await client.answer()).text).client);
  const own = ['127.0.0.1', client.localPort];
  expect(clients).toEqual([['203.0.113.1', 0], ['203.0.113.2', 0], own]);
  client.request(...get, 'X-Forwarded-For: "');
  const answer = await client.answer();
  expect([answer.status, answer.get('connection'), answer.text]).toEqual([
    400,
    'close',
    expect.stringContaining('X-Forwarded-For'),
  ]);
  expect((await client.closed()).ending).toBe('end');
});

test('HTTP/1.0 without Host gets the one that is believed; a client without a port has no REMOTE_PORT', async () => {
  const options = { trustedProxies: ['127.0.0.1'], forwardedHeaders: 'forwarded', threads: 0 } as const;
  await using served = await serve(`${apps}:sync`, { ...quiet, ...options });
  await using client = await RawClient.open(new URL(served.url));
  client.request('GET /reflect HTTP/1.0', 'Forwarded: for=203.0.113.7;host=a.example;proto=https');
  const it = JSON.parse((await client.answer()).text);
  expect(it).toMatchObject({ HTTP_HOST: 'a.example', REMOTE_ADDR: '203.0.113.7', SERVER_PORT: '443' });
  expect(it).not.toHaveProperty('REMOTE_PORT');
});

test('a WebSocket behind a proxy that speaks TLS is wss', async () => {
  const scopes: unknown[] = [];
  await using served = await serve(
    async (scope, receive, send) => {
      if (scope.type !== 'websocket') return;
      scopes.push(scope.scheme, scope.client);
      await receive();
      await send({ type: 'websocket.close' });
    },
    { ...quiet, trustedProxies: ['127.0.0.1'], lifespan: 'off', interface: 'async' },
  );
  const socket = new WebSocket(served.url.replace('http', 'ws'), {
    headers: { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https' },
  });
  await new Promise((resolve) => socket.once('error', resolve)); // it is refused: 403
  expect(scopes).toEqual(['wss', ['203.0.113.7', 0]]);
});

test('over a unix socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dualgate-'));
  try {
    const path = join(folder, 'app.sock');
    const options = { ...quiet, bind: `unix:${path}`, threads: 0, trustedProxies: ['unix'] };
    await using _ = await serve(`${apps}:sync`, options);
    expect(await seen(path, ...said)).toMatchObject({
      REMOTE_ADDR: '203.0.113.7',
      HTTPS: 'on',
      SERVER_PORT: '443',
    });
    const bare = await seen(path);
    expect(bare).not.toHaveProperty('REMOTE_ADDR');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each<[ServeOptions, boolean]>([
  [{ trustedProxies: ['*'] }, true],
  [{ trustedProxies: ['10.0.0.0/8', '*'] }, true],
  [{ trustedProxies: ['*'], trustedHops: 1 }, false],
  [{ trustedProxies: ['127.0.0.1'] }, false],
])('%o warns that anybody may say who the client is: %s', async (options, warns) => {
  const log = new Recorder();
  await using _ = await serve(`${apps}:async`, { ...quiet, ...options, log });
  expect(log.troubles.map(({ message }) => message.includes('trustedHops'))).toEqual(warns ? [true] : []);
});

test.each<[ServeOptions, string]>([
  [{ trustedProxies: ['10.1'] }, 'Cannot take trustedProxies 10.1: "10.1" is neither an address'],
  [{ trustedHops: 1 }, 'Cannot take trustedHops 1: no proxy is trusted'],
  [{ forwardedHost: true }, 'Cannot take forwardedHost true: no proxy is trusted'],
  [{ forwardedHeaders: 'forwarded' }, 'Cannot take forwardedHeaders forwarded: no proxy is trusted'],
  [{ maxHead: 100_000 }, 'Cannot take maxHead 100000: maxBuffered is 65536, and has to hold it'],
  [{ maxTrailers: 100_000 }, 'Cannot take maxTrailers 100000: maxBuffered is 65536'],
  [{ buffer: false, engine: 'node' }, 'Cannot switch the buffer off on engine node'],
])('%o is refused', async (options, message) => {
  await expect(serve(`${apps}:async`, { ...quiet, ...options })).rejects.toThrow(message);
});
