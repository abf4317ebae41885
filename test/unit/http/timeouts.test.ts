// Slow and silent clients under short limits: each is cut in time, and a slow app is not mistaken for one.
import { describe, expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { Disconnected, HttpError } from '../../../src/core/errors.ts';
import type { RawClient } from '../../support/raw-client.ts';
import { echo, reply, served, start, whole } from './served.ts';

const get = ['GET / HTTP/1.1', 'Host: a'];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** The wheel of deadlines turns twice a second; the rest is for a busy machine. */
const slack = 2500;

// Side by side: they wait, and do nothing else.
describe.concurrent('headTimeout', () => {
  test('a silent connection is closed', async ({ expect }) => {
    await using server = await served(reply, { headTimeout: 300 });
    await using client = await server.open();
    const { ending, rest } = await client.closed(300 + slack);
    expect(ending).toBe('end');
    expect(rest.toString()).toMatch(/^(|HTTP\/1\.1 408 [\s\S]*)$/);
  });

  test('a head that stops half way is answered with 408', async ({ expect }) => {
    await using server = await served(reply, { headTimeout: 300 });
    await using client = await server.open();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nX:');
    const answer = await client.answer({ ms: 300 + slack });
    expect([answer.status, answer.get('connection')]).toEqual([408, 'close']);
    expect((await client.closed()).ending).toBe('end');
  });

  test('a head that trickles in is answered with 408: no byte extends the deadline', async ({ expect }) => {
    await using server = await served(reply, { headTimeout: 300 });
    await using client = await server.open();
    const start = performance.now();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nX: ');
    const dripping = drip(client);
    expect((await client.answer({ ms: 300 + slack })).status).toBe(408);
    expect(performance.now() - start).toBeGreaterThan(250);
    await dripping;
  });

  test('the second head of a connection has its own, from its first byte', async ({ expect }) => {
    await using server = await served(reply, { headTimeout: 300 });
    await using client = await server.open();
    expect((await client.request(...get).answer()).status).toBe(200);
    await pause(1000); // longer than the timeout: between requests the idle one counts
    client.send('GET / HTTP/1.1\r\n');
    const dripping = drip(client);
    expect((await client.answer({ ms: 300 + slack })).status).toBe(408);
    await dripping;
  });

  test('empty lines extend nothing', async ({ expect }) => {
    await using server = await served(reply, { headTimeout: 300 });
    await using client = await server.open();
    client.send('\r\n');
    await client.closed(300 + slack);
    expect(client.ending).toBe('end');
  });
});

describe.concurrent('idleTimeout', () => {
  test('a kept connection is closed without a word', async ({ expect }) => {
    await using server = await served(reply, { idleTimeout: 300 });
    await using client = await server.open();
    expect((await client.request(...get).answer()).status).toBe(200);
    expect(await client.closed(300 + slack)).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });

  test('does not touch a request that takes longer', async ({ expect }) => {
    await using server = await served(
      async (exchange) => {
        await pause(1300);
        await reply(exchange, String(exchange.gone.aborted));
      },
      { idleTimeout: 300, headTimeout: 300, bodyGrace: 300, sendTimeout: 300 },
    );
    await using client = await server.open();
    expect((await client.request(...get).answer()).text).toBe('false');
  });

  test('an unread body that never comes does not keep the connection', async ({ expect }) => {
    await using server = await served(reply, { idleTimeout: 300 });
    await using client = await server.open();
    expect((await client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 100').answer()).text).toBe(
      '/',
    );
    const dripping = drip(client);
    expect(await client.closed(300 + slack)).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    await dripping;
  });
});

describe.concurrent('bodyRate', () => {
  const slow = { bodyGrace: 300, bodyRate: 10_000 };
  const post = ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 100000'];

  test.each([
    ['that trickles in', true],
    ['that stops', false],
  ])('a body %s: read() rejects with 408, and so is the answer', async (_, dripping) => {
    const seen = deferred<unknown>();
    await using server = await served(async (exchange) => {
      await whole(exchange).catch((error: unknown) => {
        seen.resolve(error);
        throw error;
      });
    }, slow);
    await using client = await server.open();
    client.request(...post).send('begun');
    const done = dripping ? drip(client) : undefined;
    const answer = await client.answer({ ms: 300 + slack });
    expect([answer.status, answer.get('connection')]).toEqual([408, 'close']);
    expect(await seen.promise).toBeInstanceOf(HttpError);
    await done;
  });

  test('a chunked body that trickles in', async ({ expect }) => {
    await using server = await served(echo, slow);
    await using client = await server.open();
    client.request('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked').send('ffff\r\n');
    const dripping = drip(client);
    expect((await client.answer({ ms: 300 + slack })).status).toBe(408);
    await dripping;
  });

  test('a client that waits for 100 Continue and never sends', async ({ expect }) => {
    await using server = await served(echo, slow);
    await using client = await server.open();
    const answer = await client.request(...post, 'Expect: 100-continue').answer({ ms: 300 + slack });
    expect([answer.status, answer.early]).toEqual([408, [100]]);
  });

  test('an app that takes its time to read is not a slow client', async ({ expect }) => {
    await using server = await served(async (exchange) => {
      await pause(1300);
      await echo(exchange);
    }, slow);
    await using client = await server.open();
    client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5').send('hello');
    expect((await client.answer()).text).toBe('hello');
  });
});

describe.concurrent('sendTimeout', () => {
  test('a client that takes nothing is cut; write() rejects with Disconnected, gone aborts', async ({
    expect,
  }) => {
    let written = 0;
    const seen = deferred<unknown[]>();
    await using server = await served(
      async (exchange) => {
        start(exchange);
        const { gone } = exchange;
        const bytes = Buffer.alloc(256 * 1024);
        try {
          for (;;) {
            await exchange.write(bytes);
            written += bytes.length;
          }
        } catch (error) {
          seen.resolve([error, gone.reason]);
        }
      },
      { sendTimeout: 300 },
    );
    await using client = await server.open();
    client.pause();
    client.request(...get);
    const late = pause(300 + slack).then(() => ['nothing in time']);
    for (const error of await Promise.race([seen.promise, late])) expect(error).toBeInstanceOf(Disconnected);
    expect(server.log.troubles).toEqual([]);
    // a reset: what the kernel still held of the answer on this side is dropped with it
    client.resume();
    await client.closed();
    expect(client.received).toBeLessThan(written / 2);
  });

  test('a client that takes little, again and again, is not cut', async ({ expect }) => {
    const size = 24 * 1024 * 1024;
    await using server = await served(
      async (exchange) => {
        start(exchange, [['content-length', String(size)]]);
        const bytes = Buffer.alloc(256 * 1024);
        for (let sent = 0; sent < size; sent += bytes.length) await exchange.write(bytes);
        await exchange.end();
      },
      { sendTimeout: 600 },
    );
    await using client = await server.open();
    client.request(...get);
    await client.until('\r\n\r\n');
    for (let taken = 0; taken < size; taken += 1024 * 1024) {
      client.pause();
      await pause(80);
      client.resume();
      await client.bytes(1024 * 1024);
    }
    expect(client.received).toBeGreaterThan(size);
  });
});

describe.concurrent('lingerTimeout', () => {
  test('a client that never closes is cut behind a refusal', async ({ expect }) => {
    await using server = await served(reply, { lingerTimeout: 200 });
    await using client = await server.open();
    expect((await client.request('GET / HTTP/1.1').answer()).status).toBe(400);
    const deadline = performance.now() + 200 + slack;
    while (server.listener.connections > 0 && performance.now() < deadline) await pause(20);
    expect(server.listener.connections).toBe(0);
  });

  test('a client that sends on and on behind a refusal is cut', async ({ expect }) => {
    await using server = await served(reply, { lingerTimeout: 200 });
    await using client = await server.open();
    client.request('GET / HTTP/1.1');
    const deadline = performance.now() + 200 + slack;
    while (server.listener.connections > 0 && performance.now() < deadline) {
      client.send('more');
      await pause(20);
    }
    expect(server.listener.connections).toBe(0);
  });
});

/** A byte each 20 ms, until the connection ends. */
async function drip(client: RawClient): Promise<void> {
  for (let count = 0; count < 250 && !client.ending; count += 1) {
    client.send('x');
    await pause(20);
  }
}
