// Our own server under lint(), on each way to run an app: it gives nobody a reason to complain.
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { serve } from '../../../src/index.ts';
import { Inline } from '../../../src/sync/inline.ts';
import { lint } from '../../../src/sync/lint.ts';
import { SyncServer } from '../../../src/sync/server.ts';
import { RawClient } from '../../support/raw-client.ts';
import { Recorder } from '../../support/recorder.ts';
import { app } from './apps/sound.ts';
import { TestCall } from './carrier.ts';

const host = 'Host: gate.test';
const file = fileURLToPath(new URL('./apps/sound.ts', import.meta.url));

describe.each([
  ['sync', 0, 'own'],
  ['sync', 2, 'own'],
  ['sync', 2, 'node'],
  ['async', 0, 'own'],
  ['async', 2, 'own'],
] as const)('%s server, %i threads, engine %s', (server, threads, engine) => {
  test('odd requests, and nothing to complain of', async () => {
    const log = new Recorder();
    const options = { bind: '127.0.0.1:0', accessLog: false, log, server, threads, engine, lint: true };
    await using served = await serve(`${file}:app`, options);
    await using client = await RawClient.open(new URL(served.url));
    const asked = async (...lines: readonly string[]): Promise<string> => {
      client.request(...lines);
      const { status, text } = await client.answer();
      return `${status} ${text}`;
    };
    expect(await asked('GET / HTTP/1.1', host)).toBe('200 |/|0|http://gate.test/');
    expect(await asked('GET //a%20b//?q HTTP/1.1', host)).toBe('200 |//a b//|0|http://gate.test//a%20b//?q');
    expect(await asked('GET /caf%C3%A9 HTTP/1.1', host)).toMatch(/^200 .*\/caf%C3%A9$/);
    expect(await asked('GET http://gate.test/x HTTP/1.1', host)).toMatch(/^200 \|\/x\|/);
    expect(await asked('OPTIONS * HTTP/1.1', host)).toBe('200 |*|0|http://gate.test/');
    expect(await asked('GET /?write HTTP/1.1', host)).toMatch(/^200 /);
    client.send(
      'POST /body HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
    );
    expect((await client.answer()).text).toMatch(/^\|\/body\|5\|/);
    client.send('PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n');
    expect((await client.answer()).text).toMatch(/^\|\/body\|5\|/);
    client.request('HEAD / HTTP/1.1', host);
    expect((await client.answer({ method: 'HEAD' })).status).toBe(200);
    expect(await asked('GET / HTTP/1.0')).toMatch(/^200 /);
    expect(log.troubles.map(({ message }) => message)).toEqual([]);
  });
});

test('a client that leaves: the iterable is closed all the same, and nothing is said', async () => {
  const said: string[] = [];
  let closed = 0;
  const endless = lint(
    (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return {
        *[Symbol.iterator]() {
          for (;;) yield Buffer.from('x');
        },
        close: () => {
          closed += 1;
        },
      };
    },
    { report: ({ message }) => said.push(message) },
  );
  const call = new TestCall({ keep: false });
  const inline = new Inline(endless);
  const run = inline.run(call);
  await call.first.promise;
  call.leave();
  await run;
  expect([closed, said]).toEqual([1, []]);
});

test.each<[string, ConstructorParameters<typeof SyncServer>[0], number]>([
  ['inline', lint(app), 0],
  ['on threads', `${file}:app`, 1],
])('[W-05] a mount, %s: SCRIPT_NAME and PATH_INFO of a real request', async (_name, which, threads) => {
  const log = new Recorder();
  const server = new SyncServer(which, { log, threads, mount: '/api/' });
  try {
    const { url } = await server.listen('127.0.0.1:0');
    const at = async (path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
    expect(await at('/api/x')).toBe(`/api|/x|0|${url}/api/x`);
    expect(await at('/api')).toBe(`/api||0|${url}/api`);
    expect(await at('/api/')).toBe(`/api|/|0|${url}/api/`);
    expect(await at('/x')).toBe(`/api|/x|0|${url}/api/x`);
    expect(log.troubles).toEqual([]);
  } finally {
    await server.close(0);
  }
});
