// Answers on the wire: what is written in one turn leaves together, and what is wrong with one is logged.
import { expect, test } from 'vitest';

import { once } from '../../support/raw-client.ts';
import { reply, served, start } from './served.ts';

const get = ['GET / HTTP/1.1', 'Host: a'];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([
  ['waited for', true],
  ['not waited for', false],
])('64 small writes of one turn are one chunk, %s or not', async (_, waits) => {
  await using server = await served(async (exchange) => {
    start(exchange);
    for (let count = 0; count < 64; count += 1) {
      const written = exchange.write(Buffer.from('tick'));
      if (waits) await written;
    }
    await turn();
    await exchange.write(Buffer.from('tock'));
    await exchange.end();
  });
  const { chunks } = await once(server.url, get);
  expect(chunks.map(String)).toEqual(['tick'.repeat(64), 'tock']);
});

test('a chunk that came in an earlier turn is not held back for a later one', async () => {
  await using server = await served(async (exchange) => {
    start(exchange);
    await exchange.write(Buffer.from('first'));
    await exchange.read(); // waits until the client has seen it
    await exchange.end();
  });
  await using client = await server.open();
  client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 1');
  await client.until('5\r\nfirst\r\n');
  expect(await client.send('x').until('0\r\n\r\n')).toBe('0\r\n\r\n');
});

test('fewer bytes than the app’s Content-Length are logged', async () => {
  await using server = await served(async (exchange) => {
    start(exchange, [['content-length', '10']]);
    await exchange.write(Buffer.from('short'));
    await exchange.end();
  });
  await using client = await server.open();
  const { rest } = await client.request(...get).closed();
  expect(rest.toString()).not.toMatch(/short[\s\S]/);
  await server.log.until('Content-Length is 10');
});

test('what a handler leaves behind of a request does not reach the next one', async () => {
  let late: (() => Promise<void>) | undefined;
  await using server = await served(async (exchange) => {
    await late?.().catch(() => {}); // the answer before: it is complete
    late = () => exchange.write(Buffer.from('stray'));
    await reply(exchange);
  });
  await using client = await server.open();
  for (let count = 0; count < 3; count += 1)
    expect(await client.request(...get).answer()).toMatchObject({ text: '/', complete: true });
});
