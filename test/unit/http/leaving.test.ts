// Clients that leave, and clients that are slow: who is told, what is bounded, and that no answer loses its tail.
import { describe, expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { Disconnected } from '../../../src/core/errors.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import type { RawClient } from '../../support/raw-client.ts';
import { onNode, reply, served, start, until } from './served.ts';

const get = ['GET / HTTP/1.1', 'Host: a'];
const mebi = 1024 * 1024;
const leave: Record<string, (client: RawClient) => void> = {
  'an end': (client) => client.end(),
  'a reset': (client) => client.reset(),
};

test.skipIf(onNode)(
  'who sends more requests than are held behind one that takes long gets its answer, which closes',
  async () => {
    const begun = deferred();
    const go = deferred();
    let upgraded: unknown;
    let requests = 0;
    await using server = await served(
      async (exchange) => {
        requests += 1;
        begun.resolve();
        await go.promise;
        try {
          exchange.upgrade();
        } catch (error) {
          upgraded = error;
        }
        await reply(exchange);
      },
      { maxBuffered: 1024, headTimeout: 200 },
    );
    await using client = await server.open();
    client.request(...get);
    await begun.promise;
    client.send(`${get.join('\r\n')}\r\n\r\n`.repeat(400_000)); // more than the kernel takes: it leaves once it is read on
    await client.flushed();
    go.resolve();
    const answer = await client.answer();
    expect([answer.status, answer.get('connection')]).toEqual([200, 'close']);
    expect(upgraded).toMatchObject({ code: 'CLOSED' });
    expect(requests).toBe(1);
  },
);

describe.each(Object.keys(leave))('%s in the midst of a request', (how) => {
  test('gone aborts, finished resolves, write() and read() reject with Disconnected, nothing is logged', async () => {
    const begun = deferred();
    const seen = deferred<unknown[]>();
    await using server = await served(async (exchange) => {
      const { gone, finished } = exchange;
      begun.resolve();
      const read = exchange.read().catch((error: unknown) => error);
      await finished;
      const written = await exchange.write(Buffer.from('x')).catch((error: unknown) => error);
      seen.resolve([gone.reason, await read, written]);
    });
    await using client = await server.open();
    client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 10');
    await begun.promise;
    leave[how]?.(client);
    for (const one of await seen.promise) expect(one).toBeInstanceOf(Disconnected);
    expect(server.log.troubles).toEqual([]);
  });

  test.skipIf(onNode)('is seen behind more requests than are held', async () => {
    const begun = deferred();
    const seen = deferred<AbortSignal>();
    await using server = await served(
      async (exchange) => {
        begun.resolve();
        await exchange.finished;
        seen.resolve(exchange.gone);
      },
      { maxBuffered: 1024, headTimeout: 200 },
    );
    await using client = await server.open();
    client.request(...get);
    await begun.promise;
    client.send(`${get.join('\r\n')}\r\n\r\n`.repeat(10_000));
    await client.flushed();
    leave[how]?.(client);
    expect((await seen.promise).aborted).toBe(true);
    await until(() => server.listener.connections === 0, 'the connection is let go');
  });

  test('gone that is asked for afterwards has aborted already', async () => {
    const begun = deferred();
    const seen = deferred<AbortSignal>();
    await using server = await served(async (exchange) => {
      begun.resolve();
      await exchange.finished;
      seen.resolve(exchange.gone);
    });
    await using client = await server.open();
    client.request(...get);
    await begun.promise;
    leave[how]?.(client);
    expect((await seen.promise).aborted).toBe(true);
  });

  test('a write that waits for room rejects with Disconnected', { timeout: 8000 }, async () => {
    const seen = deferred<unknown>();
    await using server = await served(async (exchange) => {
      start(exchange);
      await flood(exchange).catch((error: unknown) => seen.resolve(error));
    });
    await using client = await server.open();
    client.request(...get);
    await client.until('\r\n\r\n');
    client.pause();
    leave[how]?.(client);
    expect(await seen.promise).toBeInstanceOf(Disconnected);
    expect(server.log.troubles).toEqual([]);
  });

  test('the connection is forgotten', async () => {
    const begun = deferred();
    await using server = await served(async (exchange) => {
      begun.resolve();
      await exchange.finished;
    });
    await using client = await server.open();
    client.request(...get);
    await begun.promise;
    expect(server.listener.connections).toBe(1);
    leave[how]?.(client);
    await until(() => server.listener.connections === 0, 'no connection');
  });
});

describe('a client that leaves between requests', () => {
  test('does not abort what is complete', async () => {
    let exchange: Exchange | undefined;
    await using server = await served(async (each) => {
      exchange = each;
      expect(each.gone.aborted).toBe(false);
      await reply(each);
    });
    await using client = await server.open();
    await client.request(...get).answer();
    client.end();
    expect((await client.closed()).ending).toBe('end');
    expect(exchange?.gone.aborted).toBe(false);
    await exchange?.finished;
  });

  test('gets the answer to a request that it ended its side behind at once', async () => {
    await using server = await served((exchange) => reply(exchange));
    await using client = await server.open();
    client.request(...get).end();
    // The end counts as gone while the handler runs; this one is done before it is seen.
    const { rest } = await client.closed();
    expect(rest.toString()).toMatch(/^(|HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n\/)$/);
  });
});

describe('a client that does not read', () => {
  test('write() waits, what is held is bounded, and it goes on where it stopped', async () => {
    let written = 0;
    const size = 32 * mebi;
    const bytes = Buffer.alloc(64 * 1024, 'x');
    await using server = await served(async (exchange) => {
      start(exchange, [['content-length', String(size)]]);
      for (; written < size; written += bytes.length) await exchange.write(bytes);
      await exchange.end();
    });
    await using client = await server.open();
    client.request(...get);
    await client.until('\r\n\r\n');
    client.pause();
    expect(await stall(() => written)).toBeLessThan(20 * mebi); // the kernel's buffers, for the most part
    client.resume();
    for (let taken = 0; taken < size; taken += mebi) await client.bytes(mebi);
    expect(client.request('GET / HTTP/1.1', 'Host: a').ending).toBeNull();
  });

  test('and sends one request after the other: no more are served than there is room for their answers', async () => {
    let begun = 0;
    const bytes = Buffer.alloc(100_000, 'x');
    await using server = await served(async (exchange) => {
      begun += 1;
      start(exchange);
      void exchange.write(bytes).catch(() => {}); // end() waits for the same room
      await exchange.end();
    });
    await using client = await server.open();
    client.pause();
    for (let count = 0; count < 1000; count += 1) client.request(...get);
    const stalled = await stall(() => begun);
    expect(stalled).toBeGreaterThan(0);
    expect(stalled).toBeLessThan(500);
    client.resume();
    for (let count = 0; count < 1000; count += 1) expect((await client.answer()).body.length).toBe(100_000);
  });

  test('for longer than the linger gets the tail of an answer that closes', async () => {
    const ended = deferred();
    let written = 0;
    await using server = await served(
      async (exchange) => {
        start(exchange);
        written = await untilFull(exchange);
        const end = exchange.end();
        ended.resolve();
        await end;
      },
      { lingerTimeout: 100, sendTimeout: 10_000 },
    );
    await using client = await server.open();
    client.pause();
    client.request(...get, 'Connection: close');
    await ended.promise;
    await new Promise((resolve) => setTimeout(resolve, 1200)); // two turns of the wheel of deadlines
    client.resume();
    const answer = await client.answer();
    expect(answer.body.length).toBe(written);
    expect(answer.complete).toBe(true);
    expect((await client.closed()).ending).toBe('end');
  });

  test('and ends its side is cut after sendTimeout, and not kept for ever', async () => {
    await using server = await served(
      async (exchange) => {
        start(exchange);
        await flood(exchange);
      },
      { sendTimeout: 200, lingerTimeout: 200 },
    );
    await using client = await server.open();
    client.request(...get);
    await client.until('\r\n\r\n');
    client.pause();
    client.end();
    await until(() => server.listener.connections === 0, 'no connection');
  });

  test('and ends its side behind an answer that waits in the kernel is cut, and not kept for ever', async () => {
    await using server = await served(
      async (exchange) => {
        start(exchange);
        for (let count = 0; count < 32; count += 1) exchange.write(Buffer.alloc(mebi)).catch(() => {});
        await exchange.end();
      },
      { sendTimeout: 200, lingerTimeout: 200 },
    );
    await using client = await server.open();
    client.request(...get);
    await client.until('\r\n\r\n');
    client.pause();
    client.end();
    await until(() => server.listener.connections === 0, 'no connection');
  });
});

/** Writes until it fails. */
async function flood(exchange: Exchange): Promise<never> {
  const bytes = Buffer.alloc(256 * 1024);
  for (;;) await exchange.write(bytes);
}

/** Writes until a write finds no room for 300 ms: the last piece has not left this process. Answers how much it wrote. */
async function untilFull(exchange: Exchange): Promise<number> {
  const bytes = Buffer.alloc(64 * 1024, 'x');
  for (let written = bytes.length; ; written += bytes.length) {
    const room = exchange.write(bytes).then(
      () => true,
      () => false,
    );
    const full = new Promise<boolean>((resolve) => setTimeout(resolve, 300, false));
    if (!(await Promise.race([room, full]))) return written;
  }
}

/** The count at which it stops to grow: 300 ms without a change. */
async function stall(count: () => number): Promise<number> {
  for (let last = -1, since = performance.now(); ; ) {
    if (count() !== last) {
      last = count();
      since = performance.now();
    } else if (performance.now() - since > 300) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
