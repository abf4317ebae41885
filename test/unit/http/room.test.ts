// A client that asks and takes no answer: it is asked to take them first, and then read on.
import { setTimeout as wait } from 'node:timers/promises';

import { expect, test } from 'vitest';

import type { Exchange } from '../../../src/http/exchange.ts';
import { onNode, served, start } from './served.ts';

const get = (path: string, ...lines: string[]): string[] => [`GET ${path} HTTP/1.1`, 'Host: a', ...lines];

test.skipIf(onNode)(
  'a client that takes no answer is read on once it has, also in the middle of a head',
  async () => {
    const big = Buffer.alloc(60_000, 120);
    let full = false;
    let asked = 0;
    const handler = async (exchange: Exchange): Promise<void> => {
      asked += 1;
      start(exchange);
      let taken = false;
      const sent = exchange.finish(big).then(() => {
        taken = true;
      });
      await wait(2);
      full = !taken;
      await sent;
    };
    await using server = await served(handler, { maxBuffered: 1024, headTimeout: 4000 });
    await using client = await server.open();
    client.pause();
    for (let sent = 1; !full && sent < 2000; sent += 1) {
      client.request(...get('/'));
      while (asked < sent) await wait(1);
      await wait(3);
    }
    expect(full).toBe(true);
    client.send(`${get('/', `X-Long: ${'a'.repeat(1500)}`).join('\r\n')}`);
    await wait(50);
    client.send(`${'a'.repeat(3000)}\r\n\r\n`);
    await wait(50);
    client.resume();
    for (let left = asked + 1; left > 0; left -= 1) expect((await client.answer()).body.length).toBe(60_000);
  },
);
