// The PROXY protocol on the listener: who may send a header, who has to, and what is behind it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { parseBind } from '../../../src/http/bind.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import { Listener } from '../../../src/http/listener.ts';
import { Issuer, opensslThere } from '../../support/certificates.ts';
import { RawClient } from '../../support/raw-client.ts';
import { relayed } from '../../support/relay.ts';
import { block, extra, v4, v6 } from './proxy-header.ts';
import { echo, reply, served, until } from './served.ts';

const get = ['GET /a HTTP/1.1', 'Host: localhost'];
const request = Buffer.from(`${get.join('\r\n')}\r\n\r\n`);
const proxyProtocol = ['127.0.0.1'];
const line = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n');
const ends = { client: ['192.0.2.1', 56324], server: ['198.51.100.2', 443] };
const headers: [what: string, header: Buffer, ends: unknown][] = [
  ['version 1', line, ends],
  ['version 2', block(0x21, 0x11, v4), ends],
  ['version 2, IPv6', block(0x21, 0x21, v6), { client: ['2001:db8::1', 56324], server: ['::1', 443] }],
  ['version 2 with fields', block(0x21, 0x11, Buffer.concat([v4, extra(4, 'x'.repeat(400))])), ends],
];

/** Answers with both ends of the connection. */
function tell(exchange: Exchange): Promise<void> {
  const { client, server, secure } = exchange;
  return reply(exchange, JSON.stringify({ client, server, secure }));
}

describe.each(headers)('%s', (_what, header, expected) => {
  test('in one piece with the request: both ends are those of the header', async () => {
    await using server = await served(tell, {}, { proxyProtocol });
    await using client = await server.open();
    const answer = await client.send(Buffer.concat([header, request])).answer();
    expect(JSON.parse(answer.text)).toMatchObject({ ...(expected as object), secure: false });
    // It holds for the whole connection.
    expect(JSON.parse((await client.send(request).answer()).text)).toMatchObject(expected as object);
    expect(server.log.lines).toEqual([]);
  });

  test('split at every byte, with all of the request behind it', async () => {
    await using server = await served(tell, {}, { proxyProtocol });
    const whole = Buffer.concat([header, request]);
    const splits = Array.from({ length: Math.min(whole.length - 1, 80) }, (_, at) => at + 1);
    await Promise.all(
      splits.map(async (at) => {
        await using client = await server.open();
        client.send(whole.subarray(0, at));
        await client.flushed();
        const answer = await client.send(whole.subarray(at)).answer();
        expect(JSON.parse(answer.text), `split at ${at}`).toMatchObject(expected as object);
      }),
    );
  });

  test('byte by byte', async () => {
    await using server = await served(tell, {}, { proxyProtocol });
    await using client = await server.open();
    for (const byte of header) {
      client.send(Buffer.of(byte));
      await client.flushed();
    }
    expect(JSON.parse((await client.send(request).answer()).text)).toMatchObject(expected as object);
  });
});

test.each([
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
  ['LOCAL', block(0x20, 0, Buffer.alloc(0))],
])("%s: the socket's own ends hold", async (_what, header) => {
  await using server = await served(tell, {}, { proxyProtocol });
  await using client = await server.open();
  const answer = await client.send(Buffer.concat([header, request])).answer();
  expect(JSON.parse(answer.text)).toEqual({
    client: ['127.0.0.1', client.localPort],
    server: ['127.0.0.1', Number(server.url.port)],
    secure: false,
  });
});

test('a large body right behind the header arrives whole, and pipelined requests do', async () => {
  await using server = await served(echo, {}, { proxyProtocol });
  await using client = await server.open();
  const body = Buffer.alloc(3_000_000, 'abcdefg');
  const post = Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
  client.send(Buffer.concat([line, post, body, post, body]));
  for (let count = 0; count < 2; count += 1) {
    expect(Buffer.compare((await client.answer()).body, body)).toBe(0);
  }
});

test.each([
  ['a request', request],
  ['a header of another kind', Buffer.from('PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n')],
  ['a header, not quite', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 56324 44300000\r\n')],
  ['nonsense', Buffer.alloc(5000, 'x')],
])('%s instead of a header: closed without an answer', async (_what, bytes) => {
  await using server = await served(reply, {}, { proxyProtocol });
  await using client = await server.open();
  client.send(bytes);
  expect((await client.closed()).rest).toHaveLength(0);
  await server.log.until('A connection ended before HTTP');
  expect(server.log.troubles).toEqual([]);
  await until(() => server.listener.connections === 0, 'no connection');
});

test('a peer that is not named may not connect, with a header or without', async () => {
  await using server = await served(reply, {}, { proxyProtocol: ['192.0.2.0/24'] });
  for (const bytes of [request, Buffer.concat([line, request])]) {
    await using client = await server.open();
    client.send(bytes);
    expect((await client.closed()).rest).toHaveLength(0);
  }
  await server.log.until('its peer is not one of proxyProtocol');
  expect([server.log.troubles, server.listener.connections]).toEqual([[], 0]);
});

test('without the setting a header is a broken request: nobody says whose connection it is', async () => {
  await using server = await served(tell);
  await using client = await server.open();
  expect((await client.send(Buffer.concat([line, request])).answer()).status).toBe(400);
});

test('one header a connection: a second one is a broken request', async () => {
  await using server = await served(tell, {}, { proxyProtocol });
  await using client = await server.open();
  expect((await client.send(Buffer.concat([line, line, request])).answer()).status).toBe(400);
});

test('over a unix socket, from its other end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'doorway-'));
  await using listener = new Listener({ handler: tell, proxyProtocol: ['unix'] });
  const path = join(folder, 'a.sock');
  await listener.listen(parseBind(`unix:${path}`));
  await using client = await RawClient.open(path);
  const answer = await client.send(Buffer.concat([line, request])).answer();
  expect(JSON.parse(answer.text)).toMatchObject(ends);
  await listener.close(0);
  rmSync(folder, { recursive: true });
});

test('a peer that cannot be read is refused at the start', () => {
  expect(() => new Listener({ handler: reply, proxyProtocol: ['10.1'] })).toThrow(
    /"10\.1" is neither an address/,
  );
});

describe('deadlines and leaving', () => {
  test('who is silent, or trickles a header, is cut at headTimeout', async () => {
    await using server = await served(reply, { headTimeout: 300 }, { proxyProtocol });
    await using silent = await server.open();
    await using trickling = await server.open();
    let at = 0;
    const timer = setInterval(() => trickling.send(line.subarray(at, ++at)), 50);
    try {
      for (const client of [silent, trickling])
        expect((await client.closed(300 + 2500)).rest).toHaveLength(0);
    } finally {
      clearInterval(timer);
    }
    await server.log.until('No PROXY header came within 300 ms');
    await until(() => server.listener.connections === 0, 'no connection');
  });

  test('who leaves in mid-header leaves nothing behind', async () => {
    await using server = await served(reply, {}, { proxyProtocol });
    for (const leave of ['end', 'reset'] as const) {
      await using client = await server.open();
      client.send(line.subarray(0, 20));
      await client.flushed();
      client[leave]();
    }
    await until(() => server.listener.connections === 0, 'no connection');
    expect(server.log.troubles).toEqual([]);
  });

  test('a client that ends right behind its request is seen to end', async () => {
    const gone = deferred();
    await using server = await served(
      async (exchange) => {
        exchange.gone.addEventListener('abort', () => gone.resolve());
        await exchange.finished;
      },
      {},
      { proxyProtocol },
    );
    await using client = await server.open();
    client.send(Buffer.concat([line, request])).end();
    await gone.promise;
  });

  test('close() lets who is silent go at once', async () => {
    await using server = await served(reply, {}, { proxyProtocol });
    await using client = await server.open();
    await until(() => server.listener.connections === 1, 'one connection');
    await server.listener.close(5000);
    await client.closed();
  });
});

describe.skipIf(!opensslThere)('TLS behind the header', () => {
  const issuer = new Issuer();
  afterAll(() => issuer[Symbol.dispose]());
  const { cert, key } = issuer.issue();
  const doorway = { proxyProtocol, tls: { cert: [cert], key: [key] } };

  test.each([
    ['in one piece with the hello', true],
    ['by itself', false],
  ])('%s', async (_what, together) => {
    await using server = await served(tell, {}, doorway);
    await using relay = await relayed(server.url, async (hello, send) => {
      if (together) return send(Buffer.concat([line, hello]));
      await new Promise<void>((sent) => send(line, sent));
      send(hello);
    });
    await using client = await RawClient.open(relay.url, { servername: 'localhost' });
    const answer = await client.request(...get).answer();
    expect(JSON.parse(answer.text)).toEqual({ ...ends, secure: true });
  });

  test('a hello without a header is closed, a header and plain HTTP answered with 400', async () => {
    await using server = await served(tell, {}, doorway);
    await expect(server.open()).rejects.toThrow();
    await using client = await RawClient.open(new URL(server.url.href.replace('https:', 'http:')));
    expect((await client.send(Buffer.concat([line, request])).answer()).status).toBe(400);
  });
});
