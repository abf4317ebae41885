// A sync app behind a real socket: what the server adds to its executors.
import { mkdtempSync, rmSync } from 'node:fs';
import { get, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { parseRef } from '../../../src/core/load.ts';
import { silent } from '../../../src/core/log.ts';
import type { Environ, SyncApp } from '../../../src/sync/interface.ts';
import { SyncServer, type SyncServerOptions } from '../../../src/sync/server.ts';
import { RawClient } from '../../support/raw-client.ts';
import { app as many } from './apps/many.ts';

const ref = new URL('./apps/many.ts', import.meta.url).href;
const servers: SyncServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function serve(
  app: ConstructorParameters<typeof SyncServer>[0],
  options: SyncServerOptions = {},
  bind = '127.0.0.1:0',
): Promise<string> {
  const server = new SyncServer(app, { log: silent, ...options });
  servers.push(server);
  return (await server.listen(bind)).url;
}

const show: SyncApp = (environ: Environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return [Buffer.from(JSON.stringify(environ))];
};

test.each<[string, ConstructorParameters<typeof SyncServer>[0], SyncServerOptions, string]>([
  ['a function runs inline', many, {}, 'hello from loop'],
  ['a reference runs on threads', ref, { threads: 1 }, 'hello from thread 1'],
  ['a reference with no threads runs inline', ref, { threads: 0 }, 'hello from loop'],
  ['a source is a reference that was read', parseRef(ref), { threads: 1 }, 'hello from thread 1'],
  ['a lane has the name that it is given', many, { lane: 'cell 3' }, 'hello from cell 3'],
])('%s', async (_name, app, options, text) => {
  const url = await serve(app, options);
  const answer = await fetch(`${url}/hello`);
  expect([answer.status, await answer.text()]).toEqual([200, text]);
});

test('[W-10] the environ of a real request', async () => {
  const url = await serve(show);
  const { host, port } = new URL(url);
  const environ = (await (await fetch(`${url}/caf%C3%A9/x?a=%20`)).json()) as Record<string, unknown>;
  expect(environ).toMatchObject({
    REQUEST_METHOD: 'GET',
    PATH_INFO: '/caf\u00c3\u00a9/x',
    RAW_URI: '/caf%C3%A9/x?a=%20',
    QUERY_STRING: 'a=%20',
    SERVER_NAME: '127.0.0.1',
    SERVER_PORT: port,
    SERVER_PROTOCOL: 'HTTP/1.1',
    HTTP_HOST: host,
    REMOTE_ADDR: '127.0.0.1',
    'wsgi.url_scheme': 'http',
  });
});

test('[W-10] on a unix socket too the server has a name and a port', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dualgate-'));
  try {
    const path = join(directory, 'app.sock');
    await serve(show, {}, `unix:${path}`);
    const text = await new Promise<string>((resolve, reject) => {
      get({ socketPath: path, path: '/' }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (piece: string) => {
          body += piece;
        });
        answer.on('end', () => resolve(body));
      }).on('error', reject);
    });
    expect(JSON.parse(text)).toMatchObject({ SERVER_NAME: 'localhost', SERVER_PORT: '80' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a function cannot go to a thread', () => {
  expect(() => new SyncServer(many, { threads: 2 })).toThrow(/A function runs on the thread where it is/);
});

test('an app that cannot be loaded keeps the server from listening', async () => {
  await expect(serve(`${ref}#nothing`, { threads: 1 })).rejects.toMatchObject({ code: 'APP_LOAD' });
  await expect(serve(`${ref}#nothing`, { threads: 0 })).rejects.toMatchObject({ code: 'APP_LOAD' });
});

test('an address in use is said, and leaves no thread behind', async () => {
  const { port } = new URL(await serve(many));
  await expect(serve(ref, { threads: 1 }, `127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'LISTEN' });
});

test('[W-83] an app that throws is a 500; after its head the connection is cut', async () => {
  const url = await serve(ref, { threads: 1 });
  expect((await fetch(`${url}/throw`)).status).toBe(500);
  await using client = await RawClient.open(new URL(url));
  client.request('GET /throw-late HTTP/1.1', 'Host: x');
  const answer = await client.answer();
  expect([answer.status, answer.complete]).toEqual([200, false]);
});

test('a full backlog is a 503 that says when to come again', async () => {
  const url = await serve(ref, { threads: 1, spare: 0, backlog: 0 });
  const [first, second] = await Promise.all([fetch(`${url}/sleep?200`), fetch(`${url}/sleep?200`)]);
  const refused = first.status === 503 ? first : second;
  expect([first.status, second.status].sort()).toEqual([200, 503]);
  expect(refused.headers.get('retry-after')).toBe('1');
});

test('a body beyond maxBody is a 413', async () => {
  const url = await serve(ref, { threads: 1, maxBody: 10 });
  const answer = await fetch(`${url}/echo`, { method: 'POST', body: 'more than ten bytes' });
  expect(answer.status).toBe(413);
});

test('an upgrade is a plain request', async () => {
  const url = await serve(many);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
    };
    const asked = request(`${url}/hello`, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('upgrade', () => reject(new Error('It was upgraded')));
    asked.on('error', reject).end();
  });
  expect(status).toBe(200);
});

test('close lets a request finish, and may be called twice', async () => {
  const url = await serve(ref, { threads: 1 });
  const [server] = servers;
  await using client = await RawClient.open(new URL(url));
  client.request('GET /slow-end?150 HTTP/1.1', 'Host: x');
  await client.head();
  const closed = Promise.all([server?.close(), server?.close()]);
  expect(await client.until('0\r\n\r\n')).toContain('done');
  client.end();
  await closed;
  await expect(fetch(`${url}/hello`)).rejects.toThrow();
  await expect(server?.listen('127.0.0.1:0')).rejects.toMatchObject({ code: 'CLOSED' });
});
