// The lab's client, against servers that answer, break and hang.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { race, shoot } from '../../../src/lab/load.ts';
import type { RaceEvent } from '../../../src/lab/messages.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  // A TCP server that listens has a port.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an answer has status, lane, body and time', async () => {
  const url = await serving((_request, response) => {
    response.writeHead(201, 'Made', { 'x-ran-by': 'thread 2' }).end('grüße');
  });
  const answer = await shoot(`${url}/x`, { deadline: 5_000 });
  expect(answer).toMatchObject({ ok: true, status: 201, reason: 'Made', lane: 'thread 2', body: 'grüße' });
  expect(answer.ms).toBeGreaterThan(0);
});

test('what goes wrong is an answer that says so', async () => {
  const cut = await serving((request) => request.socket.destroy());
  expect(await shoot(cut, { deadline: 5_000 })).toMatchObject({
    ok: false,
    why: 'the server cut the connection',
  });
  const hang = await serving(() => {});
  expect(await shoot(hang, { deadline: 30 })).toMatchObject({ ok: false, why: 'no answer within 30 ms' });
  servers.pop()?.closeAllConnections();
  const free = await serving(() => {});
  const gone = servers.pop();
  gone?.close();
  expect(await shoot(free, { deadline: 5_000 })).toMatchObject({ ok: false, why: /nobody listens/ });
});

test('a race fires all at once, tells each answer once, and ends', async () => {
  let waiting: Array<() => void> = [];
  const url = await serving((_request, response) => {
    waiting.push(() => response.end());
    if (waiting.length < 6) return;
    for (const answer of waiting) answer();
    waiting = [];
  });
  const urls = new Map([
    ['sync-on-sync', url],
    ['async-on-async', url],
  ] as const);
  const events: RaceEvent[] = [];
  for await (const event of race(urls, { requests: 3, wait: 5 }, 5_000)) events.push(event);
  expect(events.map(({ kind }) => kind)).toEqual(['begin', ...Array(6).fill('answer'), 'end']);
  const answers = events.filter((event) => event.kind === 'answer');
  expect(answers.map(({ cell, number }) => `${cell} ${number}`).sort()).toEqual([
    'async-on-async 1',
    'async-on-async 2',
    'async-on-async 3',
    'sync-on-sync 1',
    'sync-on-sync 2',
    'sync-on-sync 3',
  ]);
  expect(answers.every(({ answer }) => answer.ok)).toBe(true);
});

test('a race that nobody looks at any more is cut', async () => {
  const cut: Array<Promise<unknown>> = [];
  const url = await serving((request, response) => {
    if (cut.push(once(request.socket, 'close')) === 3) response.end();
  });
  for await (const event of race(new Map([['sync-on-sync', url]]), { requests: 3, wait: 1 }, 20_000)) {
    if (event.kind === 'answer') break;
  }
  expect(await Promise.all(cut)).toHaveLength(3);
});
