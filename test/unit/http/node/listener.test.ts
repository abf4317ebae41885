// The node engine where it is not like ours: what node:http does by itself is kept within our bounds.
import { describe, expect, test } from 'vitest';

import { deferred } from '../../../../src/core/deferred.ts';
import { Disconnected } from '../../../../src/core/errors.ts';
import { parseBind } from '../../../../src/http/bind.ts';
import type { Exchange, Handler } from '../../../../src/http/exchange.ts';
import type { Limits } from '../../../../src/http/limits.ts';
import { NodeListener } from '../../../../src/http/node/listener.ts';
import { once, RawClient } from '../../../support/raw-client.ts';
import { Recorder } from '../../../support/recorder.ts';
import { echo, reply, until } from '../served.ts';

interface Served extends AsyncDisposable {
  readonly listener: NodeListener;
  readonly url: URL;
  readonly log: Recorder;
}

interface Options {
  readonly limits?: Partial<Limits>;
  readonly upgrades?: boolean;
}

async function served(handler: Handler, { limits = {}, upgrades = true }: Options = {}): Promise<Served> {
  const log = new Recorder();
  const listener = new NodeListener({ handler, limits, log, upgrades });
  const [host, port] = await listener.listen(parseBind('127.0.0.1:0'));
  const url = new URL(`http://${host}:${port}`);
  return { listener, url, log, [Symbol.asyncDispose]: () => listener.close(0) };
}

const get = ['GET / HTTP/1.1', 'Host: a'];
const mebi = 1024 * 1024;

describe('pipelining', () => {
  test('one request at a time, though node gives them all out at once', async () => {
    const begun: string[] = [];
    const gate = deferred();
    await using server = await served(async (exchange) => {
      begun.push(exchange.head.target);
      if (begun.length === 1) await gate.promise;
      await reply(exchange);
    });
    await using client = await RawClient.open(server.url);
    const targets = Array.from({ length: 40 }, (_, n) => `/${n}`);
    for (const target of targets) client.request(`GET ${target} HTTP/1.1`, 'Host: a');
    await client.flushed();
    await once(server.url, ['GET /other HTTP/1.1', 'Host: a']);
    expect(begun).toEqual(['/0', '/other']);
    gate.resolve();
    for (const target of targets) expect((await client.answer()).text).toBe(target);
  });

  test('a client that pipelines without an end is read from no more', async () => {
    const gate = deferred();
    await using server = await served(async (exchange) => {
      await gate.promise;
      await reply(exchange);
    });
    await using client = await RawClient.open(server.url);
    const request = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(8000)}\r\n\r\n`;
    for (let count = 0; count < 4000; count += 1) client.send(request);
    const pause = new Promise((resolve) => setTimeout(resolve, 300, 'held'));
    expect(await Promise.race([client.flushed().then(() => 'flushed'), pause])).toBe('held');
    gate.resolve();
    for (let count = 0; count < 4000; count += 1) expect((await client.answer()).text).toBe('/');
  });

  test('what comes behind an answer that closes is not served', async () => {
    const begun: string[] = [];
    await using server = await served(async (exchange) => {
      begun.push(exchange.head.target);
      await reply(exchange);
    });
    await using client = await RawClient.open(server.url);
    client.request('GET /last HTTP/1.1', 'Host: a', 'Connection: close').request(...get);
    expect((await client.answer()).text).toBe('/last');
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    expect(begun).toEqual(['/last']);
  });
});

describe('heads', () => {
  test('node drops fields beyond its count: one too many is refused, not dropped', async () => {
    await using server = await served(reply, { limits: { maxHeaders: 10 } });
    const fields = (count: number): string[] => Array.from({ length: count }, (_, n) => `x-${n}: y`);
    expect((await once(server.url, [...get, ...fields(8)])).status).toBe(200);
    for (const count of [9, 10, 100])
      expect((await once(server.url, [...get, ...fields(count)])).status).toBe(431);
  });

  test.each([
    ['CONNECT', ['CONNECT a:80 HTTP/1.1', 'Host: a:80'], 501],
    ['another expectation', [...get, 'Expect: a-cake'], 417],
    ['two Hosts', [...get, 'Host: b'], 400],
    ['Transfer-Encoding on 1.0', ['POST / HTTP/1.0', 'Transfer-Encoding: chunked'], 400],
    ['another host in the target', ['GET http://b/ HTTP/1.1', 'Host: a'], 400],
    ['a fragment', ['GET /#a HTTP/1.1', 'Host: a'], 400],
    ['octets beyond ASCII in the target', ['GET /\u00e9 HTTP/1.1', 'Host: a'], 400],
    ['a version to come', ['GET / HTTP/2.0', 'Host: a'], 505],
  ])('%s', async (_, lines, status) => {
    let begun = 0;
    await using server = await served((exchange) => {
      begun += 1;
      return reply(exchange);
    });
    await using client = await RawClient.open(server.url);
    const answer = await client.request(...lines).answer();
    expect([answer.status, answer.get('connection'), begun]).toEqual([status, 'close', 0]);
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });
});

describe('answers', () => {
  test('a slow reader of 64 MiB keeps no more than a few pieces in memory', async () => {
    const chunk = new Uint8Array(mebi);
    let written = 0;
    await using server = await served(async (exchange) => {
      exchange.start({ status: 200, headers: [['content-length', String(64 * mebi)]] });
      for (; written < 64; written += 1) await exchange.write(chunk);
      await exchange.end();
    });
    await using client = await RawClient.open(server.url);
    const before = process.memoryUsage.rss();
    client.request(...get);
    await client.head();
    client.pause();
    const from = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).toBeLessThan(from + 32); // what the kernel's buffers take
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 * mebi);
    client.resume();
    for (let taken = 0; taken < 64; taken += 1) await client.bytes(mebi);
    expect(written).toBe(64);
  });

  test('TE: chunked does not bring chunks to a client of HTTP/1.0', async () => {
    await using server = await served(async (exchange) => {
      exchange.start({ status: 200, headers: [] });
      await exchange.write(Buffer.alloc(10_000, 'x'));
      await exchange.end();
    });
    await using client = await RawClient.open(server.url);
    const answer = await client
      .request('GET / HTTP/1.0', 'TE: chunked', 'Connection: keep-alive, TE')
      .answer();
    expect([answer.framing, answer.body.length, answer.complete]).toEqual(['close', 10_000, true]);
  });

  test('hints leave, whatever their fields are, where node would send those with a Link alone', async () => {
    await using server = await served(async (exchange) => {
      exchange.inform(103, [['x-other', 'y']]);
      exchange.inform(103, [['link', '</a.css>; rel=preload']]);
      await reply(exchange);
    });
    await using client = await RawClient.open(server.url);
    const answer = await client.request(...get).answer();
    expect([answer.status, answer.early]).toEqual([200, [103, 103]]);
  });

  test('writes behind the end of the client reject, and nothing piles up', async () => {
    const seen = deferred<unknown>();
    await using server = await served(async (exchange) => {
      exchange.start({ status: 200, headers: [] });
      await exchange.write(Buffer.alloc(mebi));
      await exchange.finished;
      seen.resolve(await exchange.write(Buffer.alloc(mebi)).catch((error: unknown) => error));
      await exchange.end();
    });
    await using client = await RawClient.open(server.url);
    client.request(...get);
    await client.head();
    client.end(); // a FIN: node would go on
    expect(await seen.promise).toBeInstanceOf(Disconnected);
    expect(server.log.troubles).toEqual([]);
  });
});

describe('upgrades', () => {
  const h2c = ['Connection: upgrade', 'Upgrade: h2c'];

  test('a plain answer to one ends the connection, behind a body in either framing; newer Nodes keep it', async () => {
    await using server = await served(echo);
    const bodies: [string, string][] = [
      ['Content-Length: 5', 'hello'],
      ['Transfer-Encoding: chunked', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
    ];
    for (const [framing, body] of bodies) {
      await using client = await RawClient.open(server.url);
      const answer = await client
        .request('POST / HTTP/1.1', 'Host: a', ...h2c, framing)
        .send(body)
        .answer();
      expect([answer.status, answer.text]).toEqual([200, 'hello']);
      if (answer.get('connection') !== 'close') client.request(...get, 'Connection: close');
      const { ending, rest } = await client.closed();
      expect([ending, rest.length > 0]).toEqual(['end', answer.get('connection') !== 'close']);
    }
  });

  test('without upgrades it is a plain request, and the connection is kept', async () => {
    const refused: unknown[] = [];
    await using server = await served(
      async (exchange: Exchange) => {
        try {
          exchange.upgrade();
        } catch (error) {
          refused.push(error);
        }
        await echo(exchange);
      },
      { upgrades: false },
    );
    await using client = await RawClient.open(server.url);
    for (const body of ['one', 'two']) {
      client.request('POST / HTTP/1.1', 'Host: a', ...h2c, 'Content-Length: 3').send(body);
      expect((await client.answer()).text).toBe(body);
    }
    expect(refused).toMatchObject([{ code: 'CLOSED' }, { code: 'CLOSED' }]);
  });

  test('one that waits behind another request gets its turn, and what came behind it', async () => {
    const gate = deferred();
    await using server = await served(async (exchange) => {
      if (exchange.head.target === '/first') {
        await gate.promise;
        return reply(exchange);
      }
      const { socket, rest } = exchange.upgrade();
      socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${Buffer.from(rest)}`);
    });
    await using client = await RawClient.open(server.url);
    client.request('GET /first HTTP/1.1', 'Host: a').request(...get, 'Connection: upgrade', 'Upgrade: x');
    client.send('behind');
    await client.flushed();
    gate.resolve();
    expect((await client.answer()).text).toBe('/first');
    expect((await client.answer()).status).toBe(101);
    expect((await client.closed()).rest.toString()).toBe('behind');
  });

  test('a client that goes before it is answered is noticed', async () => {
    const begun = deferred();
    const gone = deferred();
    await using server = await served(async (exchange) => {
      exchange.gone.addEventListener('abort', () => gone.resolve());
      begun.resolve();
      await exchange.finished;
    });
    await using client = await RawClient.open(server.url);
    client.request(...get, 'Connection: upgrade', 'Upgrade: websocket');
    await begun.promise;
    client.end();
    await gone.promise;
    await until(() => server.listener.connections === 0, 'the connection is gone');
    expect(server.log.troubles).toEqual([]);
  });
});

describe('a body that nobody reads', () => {
  test('is dropped up to maxDrained, even where it comes without an end', async () => {
    await using server = await served(reply, { limits: { maxDrained: 64 * 1024 } });
    await using client = await RawClient.open(server.url);
    client.request('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked');
    expect((await client.answer()).text).toBe('/');
    while (!client.ending) {
      client.send(`10000\r\n${'x'.repeat(65_536)}\r\n`);
      await client.flushed();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await client.closed()).rest).toHaveLength(0);
  });
});

test('close() waits for what runs, and cuts it behind the grace', async () => {
  const begun = deferred();
  await using server = await served(async (exchange) => {
    begun.resolve();
    await exchange.finished;
  });
  await using idle = await RawClient.open(server.url);
  await using client = await RawClient.open(server.url);
  client.request(...get);
  await begun.promise;
  const closed = server.listener.close(200);
  expect((await idle.closed()).ending).toBe('end');
  await closed;
  expect((await client.closed()).rest).toHaveLength(0);
  expect(server.listener.connections).toBe(0);
});

test('TLS and the PROXY protocol are refused, for they are the own engine’s', () => {
  const tls = { cert: [], key: [] };
  expect(() => new NodeListener({ handler: reply, tls })).toThrow(/^Cannot take TLS on node:http: /);
  const make = (proxyProtocol: string[]): NodeListener => new NodeListener({ handler: reply, proxyProtocol });
  expect(() => make(['unix'])).toThrow(/^Cannot take the PROXY protocol on node:http: /);
  expect(() => make([])).not.toThrow();
});
