// Handlers that fail, promise too much or too little, or leave: what the client gets, and what it never gets.
import { describe, expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { Disconnected, GatewayError, HttpError } from '../../../src/core/errors.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import { once } from '../../support/raw-client.ts';
import { reply, served, start } from './served.ts';

const get = ['GET / HTTP/1.1', 'Host: a'];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Sends head and piece, and waits until they have left. */
const begin = async (exchange: Exchange, length?: number): Promise<void> => {
  start(exchange, length === undefined ? [] : [['content-length', String(length)]]);
  await exchange.write(Buffer.from('begun'));
  await turn();
  expect(exchange.headed).toBe(true);
};

describe('a handler that fails before the head has left', () => {
  test('500 that says nothing about the inside; logged with its stack; the connection is kept', async () => {
    await using server = await served(async (exchange) => {
      if (exchange.head.path === '/') throw new Error('secret inside');
      await reply(exchange);
    });
    await using client = await server.open();
    const answer = await client.request(...get).answer();
    expect(answer).toMatchObject({ status: 500, complete: true });
    expect(answer.text).not.toContain('secret');
    expect(await server.log.until('secret inside')).toMatchObject({ level: 'error' });
    expect((await client.request('GET /2 HTTP/1.1', 'Host: a').answer()).text).toBe('/2');
  });

  test('500 where it throws at once, and where it throws no Error', async () => {
    await using server = await served((exchange) => {
      if (exchange.head.path === '/') throw new Error('at once');
      return Promise.reject('only text');
    });
    expect((await once(server.url, get)).status).toBe(500);
    expect((await once(server.url, ['GET /2 HTTP/1.1', 'Host: a'])).status).toBe(500);
    await server.log.until('only text');
  });

  test('500 replaces a head that was held back', async () => {
    await using server = await served(async (exchange) => {
      start(exchange, [
        ['x', 'never seen'],
        ['content-length', '100'],
      ]);
      throw new Error('after start');
    });
    const answer = await once(server.url, get);
    expect(answer).toMatchObject({ status: 500, complete: true });
    expect(answer.get('x')).toBeUndefined();
  });

  test('the first write lets the head go: what fails behind it is cut, and never looks complete', async () => {
    await using server = await served(async (exchange) => {
      start(exchange);
      void exchange.write(Buffer.from('begun'));
      expect(exchange.headed).toBe(true);
      throw new Error('after a write');
    });
    await using client = await server.open();
    const { rest } = await client.request(...get).closed();
    expect(rest.toString()).not.toContain('0\r\n\r\n');
    expect(rest.toString()).not.toContain('content-length');
    expect(rest.toString()).not.toContain('500');
  });

  test('500 where it ends without an answer', async () => {
    await using server = await served(async () => {});
    expect((await once(server.url, get)).status).toBe(500);
    expect(server.log.troubles).toHaveLength(1);
  });

  test('500 where it ends behind start() alone', async () => {
    await using server = await served(async (exchange) => start(exchange));
    expect((await once(server.url, get)).status).toBe(500);
  });

  test('an HttpError is answered with its status and its message, and not logged as a failure', async () => {
    await using server = await served(() => Promise.reject(new HttpError(404, 'There is no "x"')));
    const answer = await once(server.url, get);
    expect(answer).toMatchObject({ status: 404, complete: true });
    expect(answer.text).toContain('There is no "x"');
    expect(server.log.troubles).toEqual([]);
  });

  test('503 says when to come again', async () => {
    await using server = await served(() => Promise.reject(new HttpError(503, 'Full')));
    const answer = await once(server.url, get);
    expect([answer.status, answer.get('retry-after')]).toEqual([503, '1']);
  });

  test('Disconnected is answered with nothing, and not logged', async () => {
    await using server = await served(() => Promise.reject(new Disconnected()));
    await using client = await server.open();
    expect((await client.request(...get).closed()).rest.toString()).toBe('');
    expect(server.log.troubles).toEqual([]);
  });

  test('HEAD gets its 500 without a body', async () => {
    await using server = await served(() => Promise.reject(new Error('failed')));
    await using client = await server.open();
    for (let count = 0; count < 2; count += 1) {
      const answer = await client.request('HEAD / HTTP/1.1', 'Host: a').answer({ method: 'HEAD' });
      expect(answer.status).toBe(500);
    }
  });
});

describe('a handler that fails behind the head', () => {
  const failing = (length?: number) => async (exchange: Exchange) => {
    await begin(exchange, length);
    throw new Error('half way');
  };

  test('chunked: cut without a last chunk', async () => {
    await using server = await served(failing());
    await using client = await server.open();
    expect(await client.request(...get).answer()).toMatchObject({
      text: 'begun',
      framing: 'chunked',
      complete: false,
    });
    await server.log.until('half way');
  });

  test('with a length: cut before it', async () => {
    await using server = await served(failing(10));
    await using client = await server.open();
    expect(await client.request(...get).answer()).toMatchObject({
      text: 'begun',
      framing: 'length',
      complete: false,
    });
  });

  test('framed by the end of the connection: reset, for an end would look complete', async () => {
    const taken = deferred();
    await using server = await served(async (exchange) => {
      await begin(exchange);
      await taken.promise; // a reset overtakes what its receiver has not read
      throw new Error('half way');
    });
    await using client = await server.open();
    client.request('GET / HTTP/1.0');
    await client.until('begun');
    taken.resolve();
    expect((await client.closed()).ending).toBe('reset');
  });

  test('one that ends without end() is cut and logged', async () => {
    await using server = await served((exchange) => begin(exchange));
    await using client = await server.open();
    expect(await client.request(...get).answer()).toMatchObject({ text: 'begun', complete: false });
    expect(server.log.troubles).toHaveLength(1);
  });

  test('one that fails behind its end() has answered: logged, and the connection is kept', async () => {
    await using server = await served(async (exchange) => {
      await reply(exchange);
      throw new Error('afterwards');
    });
    await using client = await server.open();
    for (let count = 0; count < 2; count += 1)
      expect(await client.request(...get).answer()).toMatchObject({ status: 200, text: '/', complete: true });
    await server.log.until('afterwards');
  });

  test('what is pipelined behind the cut is not served', async () => {
    const targets: string[] = [];
    await using server = await served(async (exchange) => {
      targets.push(exchange.head.target);
      await failing()(exchange);
    });
    await using client = await server.open();
    client.request(...get).request('GET /2 HTTP/1.1', 'Host: a');
    await client.closed();
    expect(targets).toEqual(['/']);
  });
});

describe('Content-Length', () => {
  test.each([
    ['at once', false],
    ['behind the head', true],
  ])('too many bytes %s: write() rejects, and none past it is on the wire', async (_, headed) => {
    let rejected: unknown;
    await using server = await served(async (exchange) => {
      start(exchange, [['content-length', '7']]);
      await exchange.write(Buffer.from('begun'));
      if (headed) await turn();
      rejected = await exchange.write(Buffer.from('beyond')).catch((error: unknown) => error);
      await exchange.write(Buffer.from('ok'));
      await exchange.end();
    });
    await using client = await server.open();
    expect((await client.request(...get).answer()).text).toBe('begunok');
    expect(rejected).toMatchObject({ code: 'CONTRACT' });
    expect((await client.request(...get).answer()).text).toBe('begunok');
  });

  test('too many bytes in one write of 1 MiB: not one of them is on the wire', async () => {
    let rejected: unknown;
    await using server = await served(async (exchange) => {
      start(exchange, [['content-length', '1000']]);
      rejected = await exchange.write(Buffer.alloc(1024 * 1024, 'x')).catch((error: unknown) => error);
      throw rejected;
    });
    await using client = await server.open();
    const { rest } = await client.request(...get, 'Connection: close').closed();
    expect(rest.toString()).not.toContain('xxx');
    expect(rejected).toMatchObject({ code: 'CONTRACT' });
  });

  test('too few bytes: end() rejects, and the connection is cut', async () => {
    let rejected: unknown;
    await using server = await served(async (exchange) => {
      await begin(exchange, 10);
      rejected = await exchange.end().catch((error: unknown) => error);
    });
    await using client = await server.open();
    expect(await client.request(...get).answer()).toMatchObject({ text: 'begun', complete: false });
    expect(rejected).toMatchObject({ code: 'CONTRACT' });
  });

  test.each([0, 3])(
    'too few bytes, %d sent before: cut and logged, even where the handler lets it pass',
    async (sent) => {
      await using server = await served(async (exchange) => {
        start(exchange, [['content-length', '10']]);
        await exchange.write(Buffer.alloc(sent));
        await exchange.end().catch(() => {});
      });
      expect((await once(server.url, get)).complete).toBe(false);
      await server.log.until('The answer was cut');
      expect(server.log.troubles).toHaveLength(1);
    },
  );

  test('too few bytes, all at once: never an answer that looks complete', async () => {
    await using server = await served(async (exchange) => {
      start(exchange, [['content-length', '10']]);
      void exchange.write(Buffer.from('short'));
      await exchange.end();
    });
    await using client = await server.open();
    const { rest } = await client.request(...get).closed();
    expect(rest.toString()).toMatch(
      /^(|HTTP\/1\.1 200 OK\r\ncontent-length: 10\r\n[\s\S]*\r\n\r\n(short)?)$/,
    );
  });
});

describe('writes that nobody waits for', () => {
  // Every size on both sides of what the engine holds back, copies and splits.
  const sizes = [10, 5000, 200_000, 10, 400_000, 5000, 10];
  const bytes = Buffer.concat(sizes.map((size, at) => Buffer.alloc(size, 97 + at)));

  test.each([
    ['chunked', []],
    ['with a length', [['content-length', String(bytes.length)]]],
  ] as const)('leave in their order, and all of them before the end (%s)', async (_, headers) => {
    await using server = await served(async (exchange) => {
      start(exchange, headers);
      for (const [at, size] of sizes.entries()) exchange.write(Buffer.alloc(size, 97 + at)).catch(() => {}); // the answer shows it
      await exchange.end();
    });
    const answer = await once(server.url, get);
    expect(answer.complete).toBe(true);
    expect(answer.body.equals(bytes)).toBe(true);
  });
});

describe('order', () => {
  test.each<[string, (exchange: Exchange) => Promise<unknown>, string]>([
    ['write() before start()', (exchange) => exchange.write(Buffer.from('x')), 'CONTRACT'],
    ['end() before start()', (exchange) => exchange.end(), 'CONTRACT'],
    [
      'write() behind end()',
      (exchange) => reply(exchange).then(() => exchange.write(Buffer.from('x'))),
      'CLOSED',
    ],
    ['end() behind end()', (exchange) => reply(exchange).then(() => exchange.end()), 'CLOSED'],
  ])('%s rejects, and breaks nothing', async (_, act, code) => {
    let rejected: unknown;
    await using server = await served(async (exchange) => {
      rejected = await act(exchange).catch((error: unknown) => error);
      if (!exchange.headed) await reply(exchange);
    });
    await using client = await server.open();
    expect((await client.request(...get).answer()).text).toBe('/');
    expect((await client.request(...get).answer()).text).toBe('/');
    expect(rejected).toMatchObject({ code });
  });
});

describe('abort()', () => {
  const why = new GatewayError('TIMEOUT', 'It took too long');

  test('before the head: the connection ends without an answer; finished and gone know', async () => {
    const aborted = deferred<unknown>();
    await using server = await served(async (exchange) => {
      const { gone, finished } = exchange;
      exchange.abort(why);
      exchange.abort(why);
      await finished;
      aborted.resolve(gone.aborted && gone.reason);
      expect(await exchange.write(Buffer.from('x')).catch((error: unknown) => error)).toBe(why);
    });
    await using client = await server.open();
    expect((await client.request(...get).closed()).rest).toHaveLength(0);
    expect(await aborted.promise).toBe(why);
  });

  test('behind the head: never an end that looks complete', async () => {
    await using server = await served(async (exchange) => {
      await begin(exchange);
      exchange.abort(why);
    });
    await using client = await server.open();
    expect(await client.request(...get).answer()).toMatchObject({ text: 'begun', complete: false });
  });

  test('behind the end: nothing happens', async () => {
    await using server = await served(async (exchange) => {
      await reply(exchange);
      exchange.abort(why);
      expect(exchange.gone.aborted).toBe(false);
    });
    await using client = await server.open();
    expect((await client.request(...get).answer()).text).toBe('/');
    expect((await client.request(...get).answer()).text).toBe('/');
  });
});
