// The fields behind a chunked body: offered to the handler, limited, and never what decides about framing.
import { describe, expect, test } from 'vitest';

import type { HeaderList } from '../../../src/core/bytes.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import type { Limits } from '../../../src/http/limits.ts';
import { reply, served, whole } from './served.ts';

const post = ['POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'];

/** Reads the body, and answers with the trailers before and behind it. */
async function tell(exchange: Exchange): Promise<void> {
  const before: HeaderList = exchange.trailers;
  const body = await whole(exchange);
  await reply(exchange, JSON.stringify([before, body.toString(), exchange.trailers]));
}

describe('trailers', () => {
  test('are there once the last piece was read: names in lower case, values without their blanks, in order', async () => {
    await using server = await served(tell);
    await using client = await server.open();
    client.request(...post).send('5\r\nhello\r\n0\r\nX-Sum:  abc \r\nx-sum: def\r\nETag:\r\n\r\n');
    const trailers = [
      ['x-sum', 'abc'],
      ['x-sum', 'def'],
      ['etag', ''],
    ];
    expect(JSON.parse((await client.answer()).text)).toEqual([[], 'hello', trailers]);
  });

  test('that come later than the body are waited for', async () => {
    await using server = await served(tell);
    await using client = await server.open();
    client.request(...post).send('5\r\nhello\r\n');
    await client.flushed();
    for (const octet of '0\r\nX: y\r\n\r\n') {
      client.send(octet);
      await client.flushed();
    }
    expect(JSON.parse((await client.answer()).text)).toEqual([[], 'hello', [['x', 'y']]]);
  });

  test('of one request are not those of the next; a body with a length has none', async () => {
    await using server = await served(tell);
    await using client = await server.open();
    client.request(...post).send('0\r\nX: y\r\n\r\n');
    client.request(...post).send('0\r\n\r\n');
    client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5').send('hello');
    expect(JSON.parse((await client.answer()).text)).toEqual([[], '', [['x', 'y']]]);
    expect(JSON.parse((await client.answer()).text)).toEqual([[], '', []]);
    expect(JSON.parse((await client.answer()).text)).toEqual([[], 'hello', []]);
  });

  test.each<[what: string, trailers: string, status: number, limits: Partial<Limits>]>([
    ['exactly as long as they may be', `X: ${'y'.repeat(59)}\r\n\r\n`, 200, { maxTrailers: 66 }],
    ['one byte longer', `X: ${'y'.repeat(60)}\r\n\r\n`, 431, { maxTrailers: 66 }],
    ['without an end', `X: ${'y'.repeat(100)}`, 431, { maxTrailers: 66 }],
    ['too many', 'X: y\r\n'.repeat(101).concat('\r\n'), 431, {}],
    ['with a Content-Length', 'Content-Length: 5\r\n\r\n', 400, {}],
    ['with a Transfer-Encoding', 'transfer-encoding: chunked\r\n\r\n', 400, {}],
    ['with a Host', 'HOST: b\r\n\r\n', 400, {}],
    ['with an Authorization', 'Authorization: Basic eA==\r\n\r\n', 400, {}],
  ])('%s', async (_, trailers, status, limits) => {
    await using server = await served(tell, limits);
    await using client = await server.open();
    client.request(...post).send(`5\r\nhello\r\n0\r\n${trailers}`);
    expect((await client.answer()).status).toBe(status);
    if (status !== 200) expect((await client.closed()).ending).toBe('end');
  });
});
