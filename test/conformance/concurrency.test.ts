// Who waits for whom: 8 clients of a 200 ms wait, inline, on four threads, and on the loop.
import { expect, test } from 'vitest';

import { once } from '../support/raw-client.ts';
import { area, type CarrierName, carrierOf, conformance } from './matrix.ts';

const host = 'host: gate.test';
const clients = 8;
const wait = 200;

/** How long all of them took together, in milliseconds. */
async function together(name: CarrierName): Promise<number> {
  await using server = await carrierOf(name).start({ threads: 4 });
  // The first request on each thread is slower than the next.
  await Promise.all(Array.from({ length: 4 }, () => once(server.url, ['GET /slow/?ms=0 HTTP/1.1', host])));
  const begun = performance.now();
  const answers = await Promise.all(
    Array.from({ length: clients }, () => once(server.url, [`GET /slow/?ms=${wait} HTTP/1.1`, host])),
  );
  const took = performance.now() - begun;
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  return took;
}

test('eight waits: inline one after the other, on four threads in two rounds, on the loop at once', {
  retry: 1,
}, async () => {
  const inline = await together('sync inline');
  const threads = await together('sync threads');
  const async = await together('async');
  const shown = `inline ${inline.toFixed(0)} ms, threads ${threads.toFixed(0)} ms, async ${async.toFixed(0)} ms`;
  expect(inline / threads, shown).toBeGreaterThan(2.5);
  expect(threads / async, shown).toBeGreaterThan(1.5);
});

area('concurrency', () => {
  conformance(
    'concurrency',
    'slow',
    '[B-05] as many requests at once as there are threads',
    async (context) => {
      const { expect, url, path, carrier } = context;
      const begun = performance.now();
      const answers = await Promise.all(
        [1, 2, 3].map(() => once(url, [`GET ${path('', { ms: 300 })} HTTP/1.1`, host])),
      );
      expect(performance.now() - begun).toBeLessThan(850);
      const lanes = new Set(answers.map(({ text }) => text));
      if (carrier.name.endsWith('sync threads'))
        expect(lanes).toEqual(new Set(['thread 1', 'thread 2', 'thread 3']));
      else expect(lanes).toEqual(new Set([carrier.name === 'async' ? 'loop' : 'loop thread']));
    },
  );

  conformance(
    'concurrency',
    'slow',
    '[B-05] more requests than threads wait for their turn',
    async (context) => {
      const { expect, url, path } = context;
      const answers = await Promise.all(
        Array.from({ length: 30 }, () => once(url, [`GET ${path('', { ms: 10 })} HTTP/1.1`, host])),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    },
  );

  conformance(
    'concurrency',
    'closer',
    'a client that reads nothing holds up nobody else',
    async (context) => {
      const { expect, raw, path, url } = context;
      const client = await raw();
      client.request(`GET ${path('gone')} HTTP/1.1`, host);
      await client.head();
      client.pause();
      for (let index = 0; index < 10; index += 1) {
        expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
      }
      client.reset();
    },
  );
});
