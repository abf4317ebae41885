// HTTPS through serve(): every carrier, both contracts, WebSocket, and certificates that are read again.
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, test } from 'vitest';

import type { AsyncApp } from '../../../src/async/interface.ts';
import { serve } from '../../../src/index.ts';
import type { SyncApp } from '../../../src/sync/interface.ts';
import { Issuer, opensslThere, serialOf } from '../../support/certificates.ts';
import { RawClient } from '../../support/raw-client.ts';
import { WsClient } from '../../support/ws-client.ts';

const issuer = new Issuer();
afterAll(() => issuer[Symbol.dispose]());

const quiet = { bind: '127.0.0.1:0', accessLog: false, logLevel: 'silent' } as const;
const reference = (kind: string): `${string}:app` =>
  `${fileURLToPath(new URL(`../../e2e/apps/hello-${kind}.ts`, import.meta.url))}:app`;
const lines = ['GET /a HTTP/1.1', 'Host: localhost'];

const environ: SyncApp = (environ, startResponse) => {
  startResponse('200 OK', []);
  return [Buffer.from([environ['wsgi.url_scheme'], environ.HTTPS, environ.REMOTE_ADDR].join(' '))];
};
const scope: AsyncApp = async (scope, receive, send) => {
  if (scope.type === 'lifespan') throw new Error('Not this');
  const text = `${scope.scheme} ${scope.client?.[0]}`;
  if (scope.type === 'http') {
    await send({ type: 'http.response.start', status: 200 });
    return await send({ type: 'http.response.body', body: Buffer.from(text) });
  }
  await receive();
  await send({ type: 'websocket.accept' });
  for (;;) {
    const event = await receive();
    if (event.type !== 'websocket.receive') return;
    await send({ type: 'websocket.send', text: `${text} ${event.text?.length}` });
  }
};

async function textOf(url: string): Promise<string> {
  await using client = await RawClient.open(new URL(url));
  return (await client.request(...lines).answer()).text;
}

describe.skipIf(!opensslThere)('HTTPS', () => {
  const one = issuer.issue();
  const tls = { cert: [one.cert], key: [one.key] };

  test.each([
    ['sync', 'sync', 'sync threads (1)'],
    ['sync', 'async', 'async ← sync threads (1)'],
    ['async', 'sync', 'sync threads (1) ← async'],
    ['async', 'async', 'async'],
  ] as const)('a reference of %s on %s', async (kind, server, carrier) => {
    await using served = await serve(reference(kind), { ...quiet, ...tls, server, threads: 1 });
    expect(served.carrier).toBe(carrier);
    expect(served.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await textOf(served.url)).toBe('Hello from WSGI! You requested: /a');
    served.reloadCertificates();
  });

  test('a sync app is told by its environ, also over the bridge', async () => {
    await using straight = await serve(environ, { ...quiet, ...tls });
    await using bridged = await serve(environ, { ...quiet, ...tls, server: 'async' });
    for (const { url } of [straight, bridged]) expect(await textOf(url)).toBe('https on 127.0.0.1');
  });

  test('an async app is told by its scope: https, and wss for a WebSocket', async () => {
    await using served = await serve(scope, { ...quiet, ...tls, lifespan: 'off' });
    expect(await textOf(served.url)).toBe('https 127.0.0.1');
    await using socket = await WsClient.open(new URL(served.url), [], { rejectUnauthorized: false });
    for (const size of [5, 100_000, 900_000]) {
      socket.send('x'.repeat(size));
      expect(await socket.next()).toBe(`wss 127.0.0.1 ${size}`);
    }
    socket.socket.close(1000);
    expect(await socket.closed()).toMatchObject({ code: 1000 });
  });

  test('reloadCertificates(): new connections get them, and a bad one is refused', async () => {
    const [cert, key] = [`${issuer.folder}/served.cert`, `${issuer.folder}/served.key`];
    const put = (from: typeof one): void => {
      copyFileSync(from.cert, cert);
      copyFileSync(from.key, key);
    };
    put(one);
    await using served = await serve(scope, { ...quiet, cert: [cert], key: [key], lifespan: 'off' });
    await using old = await RawClient.open(new URL(served.url));
    await using socket = await WsClient.open(new URL(served.url), [], { rejectUnauthorized: false });
    const two = issuer.issue();
    put(two);
    served.reloadCertificates();
    copyFileSync(one.cert, cert);
    expect(() => served.reloadCertificates()).toThrow(expect.objectContaining({ code: 'TLS' }));
    await using fresh = await RawClient.open(new URL(served.url));
    expect([old, fresh].map((client) => client.certificate.serialNumber)).toEqual([one, two].map(serialOf));
    expect((await old.request(...lines).answer()).status).toBe(200);
    socket.send('hello');
    expect(await socket.next()).toBe('wss 127.0.0.1 5');
  });

  test.each([
    [{ cert: tls.cert }, 'USAGE', /1 certificate and 0 keys/],
    [{ key: tls.key }, 'USAGE', /0 certificates and 1 key/],
    [{ clientCert: 'required' }, 'USAGE', /0 certificates and 0 keys/],
    [{ cert: ['none.pem'], key: tls.key }, 'TLS', /there is no such file$/],
  ] as const)('%j is refused at the start', async (options, code, words) => {
    const message = expect.stringMatching(words);
    for (const app of [scope, environ, reference('sync')]) {
      await expect(serve(app, { ...quiet, ...options })).rejects.toMatchObject({ code, message });
    }
  });
});

test('without TLS reloadCertificates() does nothing', async () => {
  await using served = await serve(scope, { ...quiet, lifespan: 'off' });
  served.reloadCertificates();
  expect(served.url).toMatch(/^http:/);
});

test('the PROXY protocol: the app sees the client that the header names', async () => {
  const header = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n';
  for (const app of [scope, environ]) {
    await using served = await serve(app, { ...quiet, lifespan: 'off', proxyProtocol: ['127.0.0.0/8'] });
    await using client = await RawClient.open(new URL(served.url));
    expect(
      (
        await client
          .send(header)
          .request(...lines)
          .answer()
      ).text,
    ).toContain('192.0.2.1');
  }
});
