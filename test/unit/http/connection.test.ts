// One connection after the other: order, keep-alive, framing of answers, what an app may send.
import { describe, expect, test } from 'vitest';

import type { HeaderList } from '../../../src/core/bytes.ts';
import { deferred } from '../../../src/core/deferred.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import { once } from '../../support/raw-client.ts';
import { echo, reply, served, start, whole } from './served.ts';

const get = (path: string, ...lines: string[]): string[] => [`GET ${path} HTTP/1.1`, 'Host: a', ...lines];

describe('requests on one connection', () => {
  test('pipelined ones are answered in their order, however long each takes', async () => {
    const gates = new Map([1, 2, 3].map((n) => [`/${n}`, deferred()]));
    const begun: string[] = [];
    await using server = await served(async (exchange) => {
      begun.push(exchange.head.target);
      gates.get('/3')?.resolve(); // the last one would be ready at once
      if (exchange.head.target === '/1') await gates.get('/1')?.promise;
      await reply(exchange);
    });
    await using client = await server.open();
    for (const path of ['/1', '/2', '/3']) client.request(...get(path));
    await client.flushed();
    gates.get('/1')?.resolve();
    for (const path of ['/1', '/2', '/3']) expect((await client.answer()).text).toBe(path);
    expect(begun).toEqual(['/1', '/2', '/3']);
  });

  test('the next handler does not begin before the answer before it is complete', async () => {
    let running = 0;
    let most = 0;
    await using server = await served(async (exchange) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      await whole(exchange);
      running -= 1;
      await reply(exchange);
    });
    await using client = await server.open();
    for (let count = 0; count < 50; count += 1) client.request(...get(`/${count}`));
    for (let count = 0; count < 50; count += 1) expect((await client.answer()).text).toBe(`/${count}`);
    expect(most).toBe(1);
  });

  test('bodies of both framings between them stay in step', async () => {
    await using server = await served(echo);
    await using client = await server.open();
    client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3').send('one');
    client.request('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked').send('3\r\ntwo\r\n0\r\n\r\n');
    client.request('POST / HTTP/1.1', 'Host: a');
    client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5').send('three');
    for (const text of ['one', 'two', '', 'three']) expect((await client.answer()).text).toBe(text);
  });

  test('HTTP/1.1 is kept, and says nothing about it', async () => {
    await using server = await served(reply);
    await using client = await server.open();
    const answer = await client.request(...get('/1')).answer();
    expect(answer.get('connection')).toBeUndefined();
    expect((await client.request(...get('/2')).answer()).text).toBe('/2');
  });

  test('Connection: close is answered with the same, and with the end', async () => {
    await using server = await served(reply);
    await using client = await server.open();
    const answer = await client.request(...get('/', 'Connection: close')).answer();
    expect(answer.all('connection')).toEqual(['close']);
    expect((await client.closed()).ending).toBe('end');
  });

  test('what is pipelined behind Connection: close is not served', async () => {
    const targets: string[] = [];
    await using server = await served(async (exchange) => {
      targets.push(exchange.head.target);
      await reply(exchange);
    });
    await using client = await server.open();
    client.request(...get('/1', 'Connection: close')).request(...get('/2'));
    expect((await client.answer()).text).toBe('/1');
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    expect(targets).toEqual(['/1']);
  });

  test('HTTP/1.0 is closed without keep-alive, kept with it; the answer says so', async () => {
    await using server = await served(reply);
    await using client = await server.open();
    const kept = await client.request('GET /1 HTTP/1.0', 'Connection: keep-alive').answer();
    expect(kept).toMatchObject({ version: 'HTTP/1.1', text: '/1', framing: 'length' });
    expect(kept.all('connection')).toEqual(['keep-alive']);
    const last = await client.request('GET /2 HTTP/1.0').answer();
    expect(last.all('connection')).toEqual(['close']);
    expect((await client.closed()).ending).toBe('end');
  });

  test('maxRequests: the last answer says close', async () => {
    await using server = await served(reply, { maxRequests: 2 });
    await using client = await server.open();
    for (const path of ['/1', '/2', '/3']) client.request(...get(path));
    expect((await client.answer()).get('connection')).toBeUndefined();
    expect((await client.answer()).get('connection')).toBe('close');
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  });

  test('ids are unique, client and server are the ends of the socket', async () => {
    const seen: Exchange[] = [];
    await using server = await served(async (exchange) => {
      seen.push(exchange);
      await reply(exchange);
    });
    await using client = await server.open();
    for (const path of ['/1', '/2']) await client.request(...get(path)).answer();
    expect(new Set(seen.map(({ id }) => id)).size).toBe(2);
    expect(seen[0]?.client).toEqual(['127.0.0.1', client.localPort]);
    expect(seen[0]?.server).toEqual(['127.0.0.1', Number(server.url.port)]);
    expect(seen[0]?.secure).toBe(false);
  });
});

describe('framing of answers', () => {
  const two = async (exchange: Exchange, headers: HeaderList = []): Promise<void> => {
    start(exchange, headers);
    await exchange.write(Buffer.from('one'));
    await new Promise((resolve) => setImmediate(resolve)); // the head has left: no length can be added
    await exchange.write(Buffer.from('two'));
    await exchange.end();
  };

  test('a body that is complete at once gets its Content-Length', async () => {
    await using server = await served(async (exchange) => {
      start(exchange);
      void exchange.write(Buffer.from('one'));
      void exchange.write(Buffer.from('two'));
      await exchange.end();
    });
    const answer = await once(server.url, get('/'));
    expect(answer).toMatchObject({ framing: 'length', text: 'onetwo' });
    expect(answer.all('content-length')).toEqual(['6']);
    expect(answer.get('transfer-encoding')).toBeUndefined();
  });

  test('no body at all is Content-Length: 0', async () => {
    await using server = await served(async (exchange) => {
      start(exchange);
      await exchange.end();
    });
    const answer = await once(server.url, get('/'));
    expect(answer).toMatchObject({ framing: 'length', text: '', complete: true });
    expect(answer.get('content-length')).toBe('0');
  });

  test('a body of unknown length is chunked on 1.1', async () => {
    await using server = await served(two);
    const answer = await once(server.url, get('/'));
    expect(answer).toMatchObject({ framing: 'chunked', text: 'onetwo', complete: true });
    expect(answer.chunks.every((chunk) => chunk.length > 0)).toBe(true);
    expect(answer.get('content-length')).toBeUndefined();
  });

  test('a body of unknown length ends with the connection on 1.0, keep-alive or not', async () => {
    await using server = await served(two);
    await using client = await server.open();
    const answer = await client.request('GET / HTTP/1.0', 'Connection: keep-alive').answer();
    expect(answer).toMatchObject({ framing: 'close', text: 'onetwo', complete: true });
    expect(answer.get('transfer-encoding')).toBeUndefined();
    expect(answer.get('connection')).toBe('close');
  });

  test('the app’s own Content-Length is kept', async () => {
    await using server = await served((exchange) => two(exchange, [['Content-Length', '6']]));
    const answer = await once(server.url, get('/'));
    expect(answer).toMatchObject({ framing: 'length', text: 'onetwo', complete: true });
    expect(answer.all('content-length')).toEqual(['6']);
  });

  test.each([
    ['4 KiB', 4096],
    ['4 KiB and one', 4097],
    ['64 KiB', 65_536],
    ['3 MiB', 3 * 1024 * 1024],
  ])('a body of %s in one write arrives whole', async (_, size) => {
    const bytes = Buffer.alloc(size, 'abcdefghijk\u00ff\u0000', 'latin1');
    await using server = await served(async (exchange) => {
      start(exchange);
      await exchange.write(bytes);
      await exchange.end();
    });
    const answer = await once(server.url, get('/'));
    expect(answer.complete).toBe(true);
    expect(answer.body.equals(bytes)).toBe(true);
  });

  test('an empty write is no last chunk', async () => {
    await using server = await served(async (exchange) => {
      start(exchange);
      await exchange.write(Buffer.from('one'));
      await exchange.write(new Uint8Array(0));
      await new Promise((resolve) => setImmediate(resolve));
      await exchange.write(new Uint8Array(0));
      await new Promise((resolve) => setImmediate(resolve));
      await exchange.write(Buffer.from('two'));
      await exchange.end();
    });
    expect(await once(server.url, get('/'))).toMatchObject({
      framing: 'chunked',
      text: 'onetwo',
      complete: true,
    });
  });

  test('trailers follow a chunked body', async () => {
    await using server = await served(async (exchange) => {
      start(exchange);
      await exchange.write(Buffer.from('body'));
      await exchange.end([['x-sum', 'abc']]);
    });
    await using client = await server.open();
    client.request(...get('/', 'Connection: close'));
    const { rest } = await client.closed();
    expect(rest.toString()).toMatch(/\r\ntransfer-encoding: chunked\r\n/);
    expect(rest.toString()).toMatch(/\r\n\r\n4\r\nbody\r\n0\r\nx-sum: abc\r\n\r\n$/);
  });

  test('HEAD: no body, the app’s Content-Length kept, and the next answer in step', async () => {
    await using server = await served(async (exchange) => {
      start(exchange, [['content-length', '5']]);
      if (exchange.head.method !== 'HEAD' || exchange.head.path === '/body')
        await exchange.write(Buffer.from('hello'));
      await exchange.end();
    });
    await using client = await server.open();
    for (const path of ['/body', '/none']) {
      const answer = await client.request(`HEAD ${path} HTTP/1.1`, 'Host: a').answer({ method: 'HEAD' });
      expect(answer.get('content-length')).toBe('5');
      expect(answer.get('transfer-encoding')).toBeUndefined();
    }
    expect((await client.request(...get('/')).answer()).text).toBe('hello');
  });

  test('HEAD: a body of unknown length is not sent', async () => {
    await using server = await served(two);
    await using client = await server.open();
    await client.request('HEAD / HTTP/1.1', 'Host: a').answer({ method: 'HEAD' });
    expect((await client.request(...get('/')).answer()).text).toBe('onetwo');
  });

  test.each([204, 304])('%i has no body and no framing, whatever the app writes', async (status) => {
    await using server = await served(async (exchange) => {
      start(exchange, [], status);
      await exchange.write(Buffer.from('stray'));
      await exchange.end();
    });
    await using client = await server.open();
    for (let count = 0; count < 2; count += 1) {
      const answer = await client.request(...get('/')).answer();
      expect(answer.status).toBe(status);
      expect(answer.get('transfer-encoding')).toBeUndefined();
      expect(answer.get('content-length')).toBeUndefined();
    }
  });

  test('a 204 loses the app’s Content-Length, a 304 keeps it (RFC 9110 §8.6)', async () => {
    await using server = await served(async (exchange) => {
      start(exchange, [['content-length', '5']], Number(exchange.head.path.slice(1)));
      await exchange.end();
    });
    await using client = await server.open();
    expect((await client.request(...get('/204')).answer()).get('content-length')).toBeUndefined();
    expect((await client.request(...get('/304')).answer()).get('content-length')).toBe('5');
  });

  test('Date is there once; the app’s own is kept', async () => {
    await using server = await served(async (exchange) => {
      start(exchange, exchange.head.path === '/own' ? [['Date', 'Thu, 01 Jan 1970 00:00:00 GMT']] : []);
      await exchange.end();
    });
    const dates = (await once(server.url, get('/'))).all('date');
    expect(dates).toHaveLength(1);
    expect(Math.abs(Date.parse(dates[0] ?? '') - Date.now())).toBeLessThan(5000);
    expect((await once(server.url, get('/own'))).all('date')).toEqual(['Thu, 01 Jan 1970 00:00:00 GMT']);
  });

  test('early hints come before the head, and not to HTTP/1.0', async () => {
    await using server = await served(async (exchange) => {
      exchange.inform(103, [['link', '</a.css>; rel=preload']]);
      exchange.inform(103, [['link', '</b.css>; rel=preload']]);
      await reply(exchange);
    });
    await using client = await server.open();
    const hint = await client.request(...get('/')).head();
    expect([hint.status, hint.get('link')]).toEqual([103, '</a.css>; rel=preload']);
    expect(await client.answer()).toMatchObject({ status: 200, early: [103], text: '/' });
    expect((await client.request('GET / HTTP/1.0').answer()).early).toEqual([]);
  });
});

describe('what start() refuses', () => {
  test.each<[string, HeaderList]>([
    ['CR', [['x', 'a\rb']]],
    ['LF', [['x', 'a\nb']]],
    ['CRLF and another header', [['x', 'a\r\nset-cookie: evil=1']]],
    ['NUL', [['x', 'a\0b']]],
    ['beyond latin-1', [['x', '€']]],
    ['CR in a name', [['x\r\ny', 'a']]],
    ['a space in a name', [['x y', 'a']]],
    ['a colon in a name', [['x:', 'a']]],
    ['an empty name', [['', 'a']]],
    ['a name beyond ASCII', [['é', 'a']]],
    ['Transfer-Encoding', [['Transfer-Encoding', 'chunked']]],
    ['Connection', [['connection', 'close']]],
    [
      'two Content-Lengths',
      [
        ['content-length', '1'],
        ['Content-Length', '1'],
      ],
    ],
    ['a Content-Length that is none', [['content-length', '1x']]],
    ['a negative Content-Length', [['content-length', '-1']]],
    ['an empty Content-Length', [['content-length', '']]],
  ])('%s', async (_, headers) => {
    let thrown: unknown;
    await using server = await served(async (exchange) => {
      try {
        start(exchange, headers);
      } catch (error) {
        thrown = error;
      }
      await reply(exchange, 'another head');
    });
    const answer = await once(server.url, get('/'));
    expect(thrown).toMatchObject({ code: 'CONTRACT' });
    expect(answer).toMatchObject({ status: 200, text: 'another head' });
    expect(answer.headers.map(([name]) => name).sort()).toEqual([
      'connection',
      'content-length',
      'content-type',
      'date',
    ]);
  });

  test.each([99, 100, 101, 199, 1000, 200.5, Number.NaN])('the status %d', async (status) => {
    let thrown: unknown;
    await using server = await served(async (exchange) => {
      try {
        start(exchange, [], status);
      } catch (error) {
        thrown = error;
      }
      await reply(exchange);
    });
    expect((await once(server.url, get('/'))).status).toBe(200);
    expect(thrown).toMatchObject({ code: 'CONTRACT' });
  });

  test('a reason with a line end', async () => {
    let thrown: unknown;
    await using server = await served(async (exchange) => {
      try {
        exchange.start({ status: 200, reason: 'OK\r\nx: y', headers: [] });
      } catch (error) {
        thrown = error;
      }
      await reply(exchange);
    });
    expect((await once(server.url, get('/'))).get('x')).toBeUndefined();
    expect(thrown).toMatchObject({ code: 'CONTRACT' });
  });

  test('line ends in early hints and in trailers', async () => {
    const thrown: unknown[] = [];
    await using server = await served(async (exchange) => {
      try {
        exchange.inform(103, [['link', 'a\r\n\r\nHTTP/1.1 200 OK']]);
      } catch (error) {
        thrown.push(error);
      }
      start(exchange);
      await exchange.write(Buffer.from('x'));
      await exchange.end([['x-sum', 'a\r\nb']]).catch((error: unknown) => thrown.push(error));
    });
    await using client = await server.open();
    const { rest } = await client.request(...get('/', 'Connection: close')).closed();
    expect(thrown).toHaveLength(2);
    expect(rest.toString()).not.toMatch(/a\r\n/);
  });
});

describe('a second start', () => {
  test('replaces the first, while nothing has left', async () => {
    await using server = await served(async (exchange) => {
      start(exchange, [['x', 'first']]);
      start(exchange, [['x', 'second']], 201);
      expect(exchange.headed).toBe(false);
      await exchange.end();
      expect(exchange.headed).toBe(true);
    });
    const answer = await once(server.url, get('/'));
    expect([answer.status, answer.all('x')]).toEqual([201, ['second']]);
  });

  test('throws once the head has left', async () => {
    let thrown: unknown;
    await using server = await served(async (exchange) => {
      start(exchange);
      await exchange.write(Buffer.alloc(8192));
      try {
        start(exchange);
      } catch (error) {
        thrown = error;
      }
      await exchange.end();
    });
    expect((await once(server.url, get('/'))).body).toHaveLength(8192);
    expect(thrown).toMatchObject({ code: 'CONTRACT' });
  });
});
