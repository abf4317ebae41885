// Tickets: what a connection is given when it is accepted, for its first request.
import { describe, expect, test } from 'vitest';

import { parseBind, urlOf } from '../../../src/http/bind.ts';
import type { DoorwayOptions } from '../../../src/http/doorway.ts';
import type { Handler } from '../../../src/http/exchange.ts';
import type { Limits } from '../../../src/http/limits.ts';
import { Listener } from '../../../src/http/listener.ts';
import { NodeListener } from '../../../src/http/node/listener.ts';
import type { Newcomer } from '../../../src/http/ticket.ts';
import { RawClient } from '../../support/raw-client.ts';
import { reply } from './served.ts';

/** A listener that tells what it has heard of its connections: `came 1`, `left 1`, `served 1`. */
async function gated(
  handler: Handler = (exchange) => reply(exchange),
  limits: Partial<Limits> = {},
  doorway: DoorwayOptions = {},
) {
  const heard: string[] = [];
  const newcomers: Newcomer[] = [];
  const tickets = new Map<unknown, number>();
  let wake = (): void => {};
  const hear = (what: string): void => {
    heard.push(what);
    wake();
  };
  const listener = new Listener({
    limits,
    ...doorway,
    handler: (exchange) => {
      hear(`served ${tickets.get(exchange.ticket) ?? 'without'}`);
      return handler(exchange);
    },
    arrived: (newcomer) => {
      const number = newcomers.push(newcomer);
      const ticket = { left: () => hear(`left ${number}`) };
      tickets.set(ticket, number);
      hear(`came ${number}`);
      return ticket;
    },
  });
  const url = new URL(urlOf(await listener.listen(parseBind('127.0.0.1:0')), listener.secure));
  return {
    heard,
    newcomers,
    listener,
    open: () => RawClient.open(url),
    until: async (what: string): Promise<void> => {
      while (!heard.includes(what)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    [Symbol.asyncDispose]: () => listener.close(0),
  };
}

describe('a ticket', () => {
  test('is given before a byte has come, and goes with the first request only', async () => {
    await using gate = await gated();
    await using client = await gate.open();
    await gate.until('came 1');
    client.request('GET / HTTP/1.1', 'Host: x');
    await client.answer();
    client.request('GET / HTTP/1.1', 'Host: x', 'Connection: close');
    await client.answer();
    await client.closed();
    expect(gate.heard).toEqual(['came 1', 'served 1', 'served without']);
  });

  test.each<[string, (client: RawClient) => unknown]>([
    ['leaves', (client) => client.end()],
    ['is cut', (client) => client.reset()],
    ['leaves within its head', (client) => client.send('GET / HT').end()],
    ['says what is no HTTP', (client) => client.send('nonsense\r\n\r\n')],
  ])('comes back where the client %s', async (_, act) => {
    await using gate = await gated();
    await using client = await gate.open();
    await gate.until('came 1');
    act(client);
    await gate.until('left 1');
    expect(gate.heard).toEqual(['came 1', 'left 1']);
  });

  test('comes back with the refusal, not when the client has taken it', async () => {
    await using gate = await gated(undefined, { headTimeout: 1, lingerTimeout: 60_000 });
    await using slow = await gate.open();
    slow.send('GET / HT');
    await gate.until('left 1');
    expect((await slow.answer()).status).toBe(408);
    expect(gate.listener.connections).toBe(1);
  });

  test('comes back where the server closes', async () => {
    await using gate = await gated();
    await using client = await gate.open();
    await gate.until('came 1');
    await gate.listener.close(60_000);
    expect(gate.heard).toEqual(['came 1', 'left 1']);
    expect((await client.closed()).ending).toBe('end');
  });

  test('is given behind the PROXY header', async () => {
    await using gate = await gated(undefined, {}, { proxyProtocol: ['127.0.0.1'] });
    await using client = await gate.open();
    client.send('PROXY TCP4 192.0.2.1 192.0.2.2 1 2');
    await using other = await gate.open();
    other.send('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n');
    await gate.until('came 1');
    client.send('\r\n');
    await gate.until('came 2');
    other.request('GET / HTTP/1.1', 'Host: x');
    await other.answer();
    expect(gate.heard).toEqual(['came 1', 'came 2', 'served 1']);
  });
});

describe('a newcomer that is given up', () => {
  test('is closed without a word where it has said none', async () => {
    await using gate = await gated();
    await using client = await gate.open();
    await gate.until('came 1');
    gate.newcomers[0]?.giveUp();
    expect(await client.closed()).toMatchObject({ ending: 'end', rest: Buffer.alloc(0) });
    expect(gate.heard).toEqual(['came 1', 'left 1']);
  });

  test('hears 408 where a head has begun', async () => {
    await using gate = await gated();
    await using client = await gate.open();
    await gate.until('came 1');
    await using behind = await gate.open();
    client.send('GET / HT');
    await client.flushed();
    behind.request('GET / HTTP/1.1', 'Host: x'); // served behind it: by then its bytes have been read
    await behind.answer();
    gate.newcomers[0]?.giveUp();
    expect((await client.answer()).status).toBe(408);
    expect(gate.heard).toEqual(['came 1', 'came 2', 'served 2', 'left 1']);
  });

  test('goes on where its request has begun', async () => {
    await using gate = await gated(async (exchange) => {
      gate.newcomers[0]?.giveUp();
      await reply(exchange);
    });
    await using client = await gate.open();
    client.request('GET /on HTTP/1.1', 'Host: x');
    expect((await client.answer()).text).toBe('/on');
    expect(gate.heard).toEqual(['came 1', 'served 1']);
  });
});

test('node:http gives none, and says so', () => {
  const make = (): unknown =>
    new NodeListener({ handler: async () => {}, arrived: () => ({ left: () => {} }) });
  expect(make).toThrow('Cannot keep a place for each connection on node:http');
});
