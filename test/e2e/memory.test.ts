// Large bodies through the pool in a process of its own: it keeps its size, and a client that reads nothing holds up only itself.
import { once } from 'node:events';
import { connect } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { download, growth, startCarrier, stopCarrier, upload } from '../../bench/carriers.ts';
import { RawClient } from '../support/raw-client.ts';

/** MiB: far more than the process may grow by. npm run memory does it with a GiB. */
const size = 192;
const bound = 64;

let server: Awaited<ReturnType<typeof startCarrier>>;
beforeAll(async () => {
  const flags = ['--server', 'sync', '--threads', '2'];
  server = await startCarrier({ name: 'sync threads', app: 'sync', flags }, { DUALGATE_SOURCE: '1' });
});
afterAll(async () => stopCarrier(server.child));

test.each([
  ['up', upload],
  ['down', download],
])('a body of many times the bound goes %s, and the process does not grow with it', async (_, go) => {
  await go(server.url, 16);
  await go(server.url, 16);
  const { warm, peak } = await growth(server.child, () => go(server.url, size));
  expect(peak - warm).toBeLessThan(bound);
});

test('a client that does not read its answer holds up no other one, and gets all of it in the end', async () => {
  const mib = 32;
  const slow = connect(Number(server.url.port), server.url.hostname);
  try {
    let received = 0;
    slow.write(`GET /?mib=${mib} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await once(slow, 'readable');
    await using other = await RawClient.open(server.url);
    for (let count = 0; count < 200; count += 1) {
      other.request('GET /?mib=0 HTTP/1.1', 'Host: a');
      expect((await other.answer()).status).toBe(200);
    }
    for await (const piece of slow) received += piece.length;
    expect(received).toBeGreaterThan(mib * 2 ** 20);
  } finally {
    slow.destroy();
  }
});
