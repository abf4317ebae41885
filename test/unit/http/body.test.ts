// Request bodies: read, left unread, broken, too large, and waited for with 100 Continue.
import { setImmediate as turn } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { Disconnected, HttpError } from '../../../src/core/errors.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import type { RawClient } from '../../support/raw-client.ts';
import { echo, onNode, reply, type Served, served, start, whole } from './served.ts';

const post = (...lines: string[]): string[] => ['POST / HTTP/1.1', 'Host: a', ...lines];
const get = ['GET /next HTTP/1.1', 'Host: a'];
const mebi = 1024 * 1024;

/** The server runs in this process: after some turns of the loop it has read what was sent. */
async function taken(client: RawClient): Promise<void> {
  await client.flushed();
  for (let count = 0; count < 5; count += 1) await turn();
}

describe('read()', () => {
  test('marks the last piece by the Content-Length, and answers at once after it', async () => {
    const pieces: unknown[] = [];
    await using server = await served(async (exchange) => {
      expect(exchange.length).toBe(5);
      for (let count = 0; count < 3; count += 1) {
        const { body, more } = await exchange.read();
        pieces.push([Buffer.from(body).toString(), more]);
      }
      await reply(exchange);
    });
    await using client = await server.open();
    await client
      .request(...post('Content-Length: 5'))
      .send('hello')
      .answer();
    expect(pieces).toEqual([
      ['hello', false],
      ['', false],
      ['', false],
    ]);
  });

  // Node says that a chunked body is over only when its chunks have been taken.
  test.skipIf(onNode)('marks the last chunk where the end has come with it', async () => {
    const pieces: unknown[] = [];
    await using server = await served(async (exchange) => {
      expect(exchange.length).toBeNull();
      for (let more = true; more; ) {
        const piece = await exchange.read();
        more = piece.more;
        pieces.push([Buffer.from(piece.body).toString(), more]);
      }
      await reply(exchange);
    });
    await using client = await server.open();
    const head = `${post('Transfer-Encoding: chunked').join('\r\n')}\r\n\r\n`;
    await client.send(`${head}3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n`).answer();
    expect(pieces).toEqual([
      ['one', true],
      ['two', false],
    ]);
  });

  test('gives pieces as they come, without waiting for the rest', async () => {
    const came = deferred<string>();
    await using server = await served(async (exchange) => {
      const { body, more } = await exchange.read();
      came.resolve(`${Buffer.from(body)} ${more}`);
      await whole(exchange);
      await reply(exchange);
    });
    await using client = await server.open();
    client.request(...post('Content-Length: 10')).send('first');
    expect(await came.promise).toBe('first true');
    expect((await client.send('other').answer()).status).toBe(200);
  });

  test.each(['with the last chunk', 'later'])(
    'trailers that come %s are there after the last piece',
    async (when) => {
      const seen: unknown[] = [];
      await using server = await served(async (exchange) => {
        seen.push(exchange.trailers);
        await whole(exchange);
        seen.push(exchange.trailers);
        await reply(exchange);
      });
      await using client = await server.open();
      client.request(...post('Transfer-Encoding: chunked')).send('2\r\nhi\r\n');
      if (when === 'later') await client.flushed();
      client.send('0\r\nX-Sum: 1\r\nx-more: 2\r\n\r\n');
      expect((await client.answer()).status).toBe(200);
      expect(seen).toEqual([
        [],
        [
          ['x-sum', '1'],
          ['x-more', '2'],
        ],
      ]);
    },
  );

  test('bounds that are narrower than a head or than trailers keep neither from coming', async () => {
    await using server = await served(echo, { maxBuffered: 64, headTimeout: 3000, bodyGrace: 3000 });
    await using client = await server.open();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Long: ${'x'.repeat(500)}`);
    await taken(client);
    client.send(`${'x'.repeat(500)}\r\n\r\n2\r\nhi\r\n0\r\nX-Long: ${'x'.repeat(500)}`);
    await taken(client);
    client.send(`${'x'.repeat(500)}\r\n\r\n`);
    expect((await client.answer()).text).toBe('hi');
  });

  test('without a body answers at once that there is none', async () => {
    await using server = await served(async (exchange) => {
      expect(exchange.length).toBe(0);
      expect(await exchange.read()).toEqual({ body: new Uint8Array(0), more: false });
      await reply(exchange);
    });
    await using client = await server.open();
    expect((await client.request(...post()).answer()).status).toBe(200);
  });

  test('a second read while one waits is refused, and the first one goes on', async () => {
    let refused: unknown;
    const waiting = deferred();
    await using server = await served(async (exchange) => {
      const first = exchange.read();
      refused = await exchange.read().catch((error: unknown) => error);
      waiting.resolve();
      await reply(exchange, Buffer.from((await first).body).toString());
    });
    await using client = await server.open();
    client.request(...post('Content-Length: 5'));
    await waiting.promise;
    expect((await client.send('hello').answer()).text).toBe('hello');
    expect(refused).toMatchObject({ code: 'CONTRACT' });
  });

  test('a body of 16 MiB arrives whole in either framing', async () => {
    await using server = await served(async (exchange) => {
      const bytes = await whole(exchange);
      await reply(exchange, `${bytes.length} ${bytes.every((octet) => octet === 120)}`);
    });
    const part = Buffer.alloc(mebi, 'x');
    await using client = await server.open();
    client.request(...post(`Content-Length: ${16 * mebi}`));
    for (let count = 0; count < 16; count += 1) client.send(part);
    expect((await client.answer()).text).toBe(`${16 * mebi} true`);
    client.request(...post('Transfer-Encoding: chunked'));
    for (let count = 0; count < 16; count += 1) client.send('100000\r\n').send(part).send('\r\n');
    expect((await client.send('0\r\n\r\n').answer()).text).toBe(`${16 * mebi} true`);
  });

  test('a client is not read from while the handler reads nothing', async () => {
    const gate = deferred();
    await using server = await served(async (exchange) => {
      await gate.promise;
      await reply(exchange, String((await whole(exchange)).length));
    });
    const part = Buffer.alloc(mebi, 'x');
    await using client = await server.open();
    client.request(...post(`Content-Length: ${32 * mebi}`));
    for (let count = 0; count < 32; count += 1) client.send(part);
    const flushed = client.flushed().then(() => 'flushed');
    const pause = new Promise((resolve) => setTimeout(resolve, 300, 'held'));
    expect(await Promise.race([flushed, pause])).toBe('held');
    gate.resolve();
    expect((await client.answer()).text).toBe(String(32 * mebi));
    expect(await flushed).toBe('flushed');
  });
});

describe('100 Continue', () => {
  const expects = post('Content-Length: 5', 'Expect: 100-continue');

  test('is sent by the first read, and only once', async () => {
    const gate = deferred();
    const begun = deferred();
    await using server = await served(async (exchange) => {
      begun.resolve();
      await gate.promise;
      await echo(exchange);
    });
    await using client = await server.open();
    client.request(...expects);
    await begun.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.received).toBe(0);
    gate.resolve();
    expect((await client.head()).status).toBe(100);
    client.send('he');
    await client.flushed();
    expect(await client.send('llo').answer()).toMatchObject({ status: 200, early: [], text: 'hello' });
  });

  test('is not sent where bytes of the body have come already', async () => {
    await using server = await served(echo);
    await using client = await server.open();
    client.send(`${expects.join('\r\n')}\r\n\r\nhe`);
    await client.flushed();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await client.send('llo').answer()).toMatchObject({ early: [], text: 'hello' });
  });

  test('is not sent to a client of HTTP/1.0', async () => {
    await using server = await served(echo);
    await using client = await server.open();
    client.request('POST / HTTP/1.0', 'Content-Length: 5', 'Expect: 100-continue');
    expect(await client.send('hello').answer()).toMatchObject({ early: [], text: 'hello' });
  });

  test('is not sent where the handler reads nothing; the connection closes, for nobody knows what comes next', async () => {
    await using server = await served((exchange) => reply(exchange, 'no', 403));
    await using client = await server.open();
    const answer = await client.request(...expects).answer();
    expect(answer).toMatchObject({ status: 403, early: [], text: 'no' });
    expect(answer.get('connection')).toBe('close');
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });

  test('is not sent behind the head of the answer', async () => {
    await using server = await served(async (exchange) => {
      start(exchange);
      await exchange.write(Buffer.alloc(8192, 'x'));
      await whole(exchange);
      await exchange.end();
    });
    await using client = await server.open();
    client.request(...expects);
    await client.until('\r\n\r\n');
    client.send('hello');
    const { rest } = await client.closed();
    expect(rest.toString()).not.toContain('100 Continue');
    expect(rest.toString()).toMatch(/x\r\n0\r\n\r\n$/);
  });
});

describe('a body that is read too late', () => {
  test('behind the answer: refused, and the next request keeps its own', async () => {
    const late: unknown[] = [];
    let first: Exchange | null = null;
    await using server = await served(async (exchange) => {
      if (!first) {
        first = exchange;
        return reply(exchange, 'early');
      }
      late.push(await first.read().catch((error: unknown) => error));
      await echo(exchange);
    });
    await using client = await server.open();
    client.request(...post('Content-Length: 3')).send('one');
    expect((await client.answer()).text).toBe('early');
    client.request(...post('Content-Length: 6')).send('secret');
    expect((await client.answer()).text).toBe('secret');
    expect(late).toMatchObject([{ code: 'CLOSED' }]);
  });

  test('a read that waits when its answer is complete is refused', async () => {
    const waits: unknown[] = [];
    await using server = await served(async (exchange) => {
      if (exchange.head.method === 'GET') return reply(exchange);
      const read = exchange.read().catch((error: unknown) => waits.push(error));
      await reply(exchange, 'early');
      await read;
    });
    await using client = await server.open();
    client.request(...post('Content-Length: 3'));
    expect((await client.answer()).text).toBe('early');
    client.send('one').request(...get);
    expect((await client.answer()).text).toBe('/next');
    expect(waits).toMatchObject([{ code: 'CLOSED' }]);
  });
});

describe('a body that is not read', () => {
  const none = (exchange: Exchange): Promise<void> => reply(exchange);

  test('the next request is found behind it, in either framing', async () => {
    await using server = await served(none);
    await using client = await server.open();
    client.request(...post('Content-Length: 5')).send('hello');
    client.request(...post('Transfer-Encoding: chunked')).send('5\r\nhello\r\n0\r\nX: y\r\n\r\n');
    client.request(...get);
    for (const text of ['/', '/', '/next']) expect((await client.answer()).text).toBe(text);
  });

  test('the next request is found behind it when it comes after the answer', async () => {
    await using server = await served(none);
    await using client = await server.open();
    expect((await client.request(...post('Content-Length: 100000')).answer()).text).toBe('/');
    client.send(Buffer.alloc(99_999, 'GET / HTTP/1.1\r\n\r\n'));
    await client.flushed();
    client.send('!').request(...get);
    expect((await client.answer()).text).toBe('/next');
  });

  test('the next request is found behind one that was read in part', async () => {
    await using server = await served(async (exchange) => {
      if (exchange.length !== 0) await exchange.read();
      await reply(exchange);
    });
    await using client = await server.open();
    client.request(...post('Transfer-Encoding: chunked')).send('1\r\na\r\n1\r\nb\r\n');
    expect((await client.answer()).text).toBe('/');
    client.send('1\r\nc\r\n0\r\n\r\n').request(...get);
    expect((await client.answer()).text).toBe('/next');
  });

  test('a huge one by its length: the answer says close, and is not reset away', async () => {
    await using server = await served(none);
    await using client = await server.open();
    const answer = await late(client, post(`Content-Length: ${8 * mebi}`));
    expect(answer).toMatchObject({ status: 200, text: '/', complete: true });
    expect(answer.get('connection')).toBe('close');
    expect((await client.closed()).ending).toBe('end');
  });

  test('a huge one in chunks: closed after maxDrained', async () => {
    await using server = await served(none);
    await using client = await server.open();
    client.request(...post('Transfer-Encoding: chunked'));
    for (let count = 0; count < 8; count += 1) client.send(`100000\r\n${'x'.repeat(mebi)}\r\n`);
    expect(await client.answer()).toMatchObject({ text: '/', complete: true });
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });

  test('a broken one closes the connection, without a second answer', async () => {
    await using server = await served(none);
    await using client = await server.open();
    client.request(...post('Transfer-Encoding: chunked')).send('broken\r\n');
    expect((await client.answer()).text).toBe('/');
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });
});

describe('a body that is refused', () => {
  test('413 by its length: a client that sends it all the same reads the answer', async () => {
    await using server = await served(echo, { maxBody: mebi });
    await using client = await server.open();
    const answer = await late(client, post(`Content-Length: ${8 * mebi}`));
    expect(answer).toMatchObject({ status: 413, complete: true });
    expect((await client.closed()).ending).toBe('end');
  });

  test('413 in its course: read() rejects, a client that sends on reads the answer', async () => {
    let seen: unknown;
    await using server = await served(
      async (exchange) => {
        await whole(exchange).catch((error: unknown) => {
          seen = error;
          throw error;
        });
      },
      { maxBody: mebi },
    );
    await using client = await server.open();
    client.request(...post('Transfer-Encoding: chunked'));
    for (let count = 0; count < 8; count += 1) client.send(`100000\r\n${'x'.repeat(mebi)}\r\n`);
    await client.flushed();
    expect(await client.answer()).toMatchObject({ status: 413, complete: true });
    expect((await client.closed()).ending).toBe('end');
    expect(seen).toMatchObject({ status: 413 });
    expect(server.log.troubles).toEqual([]);
  });

  test('4xx of the engine: a client that sends 8 MiB behind it reads the answer', async () => {
    await using server = await served(echo);
    await using client = await server.open();
    client.request('POST / HTTP/1.1', 'Host : a', `Content-Length: ${8 * mebi}`).send(Buffer.alloc(8 * mebi));
    await client.flushed();
    expect(await client.answer()).toMatchObject({ status: 400, complete: true });
    expect((await client.closed()).ending).toBe('end');
  });

  test('broken, and the handler answers all the same: its answer stands, says close, and is the only one', async () => {
    await using server = await served(async (exchange) => {
      const error: unknown = await whole(exchange).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(HttpError);
      expect(await exchange.read().catch((again: unknown) => again)).toBe(error);
      await reply(exchange, 'seen', 422);
    });
    await using client = await server.open();
    client.request(...post('Transfer-Encoding: chunked')).send('1\r\na\r\nbroken\r\n');
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 422, text: 'seen' });
    expect(answer.get('connection')).toBe('close');
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });

  test('broken behind a good piece: a read that waits gets the piece, and the next one rejects', async () => {
    const reading = deferred();
    const told: unknown[] = [];
    await using server = await served(async (exchange) => {
      const first = exchange.read();
      reading.resolve();
      told.push(Buffer.from((await first).body).toString());
      await exchange.read().catch((error: HttpError) => told.push(error.status));
      await reply(exchange);
    });
    await using client = await server.open();
    client.request(...post('Transfer-Encoding: chunked'));
    await reading.promise;
    await client.send('3\r\none\r\nno\r\n').answer();
    expect(told).toEqual(['one', 400]);
  });

  test('cut short by the end of the connection: read() rejects with Disconnected', async () => {
    await using server = await served(echo);
    await cutShort(server, post('Content-Length: 10'), 'hello');
    await cutShort(server, post('Transfer-Encoding: chunked'), '5\r\nhello\r\n');
    await cutShort(server, post('Transfer-Encoding: chunked'), '5\r\nhello\r\n0\r\n');
  });

  async function cutShort({ url: _, ...server }: Served, lines: string[], body: string): Promise<void> {
    await using client = await server.open();
    client.request(...lines).send(body);
    await client.flushed();
    client.end();
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    expect(server.log.troubles).toEqual([]);
  }

  test('cut short by a reset: read() rejects with Disconnected', async () => {
    const seen = deferred<unknown>();
    const reading = deferred();
    await using server = await served(async (exchange) => {
      await exchange.read();
      reading.resolve();
      await exchange.read().catch((error: unknown) => seen.resolve(error));
    });
    await using client = await server.open();
    client.request(...post('Content-Length: 10')).send('hello');
    await reading.promise;
    client.reset();
    expect(await seen.promise).toBeInstanceOf(Disconnected);
    expect(server.log.troubles).toEqual([]);
  });
});

/** Sends 8 MiB of body without looking, and then reads. */
async function late(client: RawClient, lines: string[]): Promise<Awaited<ReturnType<RawClient['answer']>>> {
  client.request(...lines).send(Buffer.alloc(8 * mebi));
  await client.flushed();
  return await client.answer();
}
