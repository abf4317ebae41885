// Slow clients in four shapes at once: each is closed when its time is over, and another client notices nothing.
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';

import { expect, test } from 'vitest';

import type { Exchange } from '../../../src/http/exchange.ts';
import { reply, served, start, until, whole } from './served.ts';

/** Far enough apart for a wheel that turns twice a second to tell them apart. */
const limits = { headTimeout: 400, bodyGrace: 1600, bodyRate: 10_000, sendTimeout: 2800 };

const head = 'GET / HTTP/1.1\r\nHost: a\r\nX: ';
const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n';
const large = 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n';

test('slow clients are closed in the order of their deadlines, while another one is served', async () => {
  const closed: string[] = [];
  await using server = await served((exchange) => handler(exchange, closed), limits);
  const begun = performance.now();
  const note = (what: string) => (): void => {
    closed.push(what);
  };
  // who connects first is looked at first: the order holds on a machine that was busy elsewhere, too
  const attackers = [1, 2, 3, 4, 5].flatMap(() => [
    attack(server.url, '', note('head')),
    attack(server.url, head, note('head')),
    attack(server.url, post, note('body')),
    attack(server.url, large, () => {}),
  ]);
  const marks: number[] = [];
  await using client = await server.open();
  for (
    let answers = 1;
    closed.length < attackers.length && performance.now() - begun < 20_000;
    answers += 1
  ) {
    const { status } = await client.request('GET / HTTP/1.1', 'Host: a').answer();
    expect(status).toBe(200);
    marks[closed.length] = answers; // how many it had when so many were closed
    await setTimeout(10);
  }
  for (const { stop } of attackers) stop();
  expect(closed).toEqual(
    ['head', 'body', 'reader'].flatMap((what) => Array(what === 'head' ? 10 : 5).fill(what)),
  );
  // it had answers before the first was closed, between the groups, and before the last was closed
  const had = [0, 10, 15].map((count) => marks[count] ?? 0);
  expect([...had].sort((a, b) => a - b)).toEqual(had);
  expect(had.every((count) => count > 0)).toBe(true);
  // nothing of them is left but the other client
  await until(() => server.listener.connections === 1, 'one connection is left');
});

/** A slow reader sees its end only behind all that it has not read: its writer sees it at once. */
async function handler(exchange: Exchange, closed: string[]): Promise<void> {
  if (exchange.head.target !== '/large') {
    await whole(exchange);
    return reply(exchange);
  }
  const piece = new Uint8Array(64 * 1024);
  start(exchange);
  try {
    for (;;) await exchange.write(piece);
  } catch (error) {
    closed.push('reader');
    throw error;
  }
}

/** Sends `opening`, then one byte each 50 ms; where it asks for much, it takes 512 bytes each 50 ms instead. */
function attack(url: URL, opening: string, ended: () => void): { stop(): void } {
  const reads = opening === large;
  const onread = { buffer: new Uint8Array(512), callback: () => !reads };
  const socket = connect({ port: Number(url.port), host: url.hostname, onread });
  socket.on('error', () => {}); // to be cut is what it is here for
  if (opening !== '') socket.write(opening, 'latin1');
  const timer = setInterval(() => {
    if (reads) socket.resume();
    else if (opening !== '' && socket.writable) socket.write('x');
  }, 50);
  socket.on('close', () => {
    clearInterval(timer);
    ended();
  });
  return { stop: () => socket.destroy() };
}
