// Every status that the engine refuses with: the client reads it whole, while it goes on sending, and then the end.
import { describe, expect, test } from 'vitest';

import { HttpError } from '../../../src/core/errors.ts';
import type { Limits } from '../../../src/http/limits.ts';
import { echo, reply, served } from './served.ts';

const post = ['POST / HTTP/1.1', 'Host: a'];

interface Row {
  readonly status: number;
  readonly what: string;
  readonly lines: readonly string[];
  readonly limits?: Partial<Limits>;
}

const rows: readonly Row[] = [
  { status: 400, what: 'a head that is none', lines: ['POST / HTTP/1.1', 'Host : a'] },
  { status: 400, what: 'no Host', lines: ['POST / HTTP/1.1'] },
  { status: 413, what: 'its length', lines: [...post, 'Content-Length: 9999999'], limits: { maxBody: 1000 } },
  {
    status: 414,
    what: 'its target',
    lines: [`POST /${'a'.repeat(1000)} HTTP/1.1`, 'Host: a'],
    limits: { maxTarget: 1000 },
  },
  { status: 417, what: 'an unknown expectation', lines: [...post, 'Content-Length: 5', 'Expect: x'] },
  { status: 431, what: 'its size', lines: [...post, `X: ${'y'.repeat(1000)}`], limits: { maxHead: 1000 } },
  { status: 431, what: 'its number of fields', lines: [...post, 'X: 1', 'X: 2'], limits: { maxHeaders: 2 } },
  { status: 501, what: 'CONNECT', lines: ['CONNECT a:443 HTTP/1.1', 'Host: a:443'] },
  { status: 501, what: 'a coding that is unknown', lines: [...post, 'Transfer-Encoding: gzip'] },
  { status: 505, what: 'another version', lines: ['POST / HTTP/2.0', 'Host: a'] },
];

describe('a client that sends on and on reads', () => {
  test.each(rows)('$status for $what', async ({ status, lines, limits = {} }) => {
    let handled = 0;
    await using server = await served(async (exchange) => {
      handled += 1;
      await echo(exchange);
    }, limits);
    await using client = await server.open();
    client.request(...lines);
    for (let count = 0; count < 40; count += 1) {
      client.send(Buffer.alloc(64 * 1024, 'x'));
      await client.flushed();
    }
    const answer = await client.answer();
    expect(answer).toMatchObject({ status, complete: true });
    expect(answer.all('connection')).toEqual(['close']);
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    expect(handled).toBe(0);
    expect(server.log.troubles).toEqual([]);
  });
});

describe('411', () => {
  // RFC 9110 §15.5.12, RFC 9112 §6.3: for a server that takes no body without a Content-Length. The engine takes chunked
  // ones, and a request with neither field has no body: whether it needs one, only the app can tell.
  test('is not the engine’s to say: neither field is no body, and chunked is one', async () => {
    await using server = await served(echo);
    await using client = await server.open();
    client.request('POST / HTTP/1.1', 'Host: a');
    client.request('PUT / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked').send('2\r\nhi\r\n0\r\n\r\n');
    expect(await client.answer()).toMatchObject({ status: 200, text: '' });
    expect(await client.answer()).toMatchObject({ status: 200, text: 'hi' });
  });

  test('is the app’s to say, and the connection is kept', async () => {
    await using server = await served(async (exchange) => {
      if (exchange.length === null) throw new HttpError(411, 'Cannot take the body: give its Content-Length');
      await reply(exchange);
    });
    await using client = await server.open();
    client.request('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked').send('2\r\nhi\r\n0\r\n\r\n');
    client.request('POST /next HTTP/1.1', 'Host: a');
    expect(await client.answer()).toMatchObject({ status: 411, reason: 'Length Required' });
    expect(await client.answer()).toMatchObject({ status: 200, text: '/next' });
  });
});

describe('chunk extensions', () => {
  const sum = (sizes: readonly number[]): string =>
    sizes
      .map((size) => `1;${'a'.repeat(size)}\r\nx\r\n`)
      .join('')
      .concat('0\r\n\r\n');

  // What is counted of each: its octets behind the ";", and the CR.
  test.each([
    ['at the limit', [39, 39, 17], 200],
    ['one beyond it', [39, 39, 18], 400],
  ])('are counted once, however they come: %s', async (_, sizes, status) => {
    await using server = await served(echo, { maxExtensions: 98 });
    for (const cut of [1, 2, 7, 1000]) {
      await using client = await server.open();
      client.request('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked');
      for (let rest = sum(sizes); rest !== '' && !client.ending; rest = rest.slice(cut)) {
        client.send(rest.slice(0, cut));
        await client.flushed();
      }
      expect((await client.answer()).status).toBe(status);
    }
  });
});
