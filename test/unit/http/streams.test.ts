// Many small pieces to many clients at once, some of them slow: each gets its own bytes, in their order.
import { describe, expect, test } from 'vitest';

import type { Exchange } from '../../../src/http/exchange.ts';
import { Issuer, opensslThere } from '../../support/certificates.ts';
import type { RawClient } from '../../support/raw-client.ts';
import { type Served, served } from './served.ts';

const pieces = 600;
const size = 1024;

/** The piece number `at` for the client that asked for `name`. */
function pieceOf(name: string, at: number): Buffer {
  return Buffer.alloc(size, `${name}:${at};`, 'latin1');
}

/** The same buffer for all pieces, filled again as soon as send() says so. */
async function stream(exchange: Exchange): Promise<void> {
  const name = exchange.head.target;
  const piece = Buffer.alloc(size);
  exchange.start({ status: 200, headers: [] });
  for (let at = 0; at < pieces; at += 1) {
    pieceOf(name, at).copy(piece);
    await exchange.write(piece);
    if (at % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
  await exchange.end();
}

async function asked(server: Served, name: string): Promise<RawClient> {
  const client = await server.open(
    server.url.protocol === 'https:' ? { rejectUnauthorized: false } : undefined,
  );
  return client.request(`GET ${name} HTTP/1.1`, 'Host: a');
}

async function allGetTheirOwn(server: Served): Promise<void> {
  const names = Array.from({ length: 12 }, (_, at) => `/${String.fromCharCode(97 + at)}`);
  const clients = await Promise.all(names.map((name) => asked(server, name)));
  for (const client of clients.filter((_, at) => at % 3 === 0)) client.pause();
  const quick = clients.filter((_, at) => at % 3 !== 0);
  await Promise.all(quick.map((client) => holds(client, names[clients.indexOf(client)] ?? '')));
  for (const client of clients.filter((_, at) => at % 3 === 0)) {
    client.resume();
    await holds(client, names[clients.indexOf(client)] ?? '');
  }
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
}

async function holds(client: RawClient, name: string): Promise<void> {
  const answer = await client.answer();
  expect(answer.complete).toBe(true);
  const wanted = Buffer.concat(Array.from({ length: pieces }, (_, at) => pieceOf(name, at)));
  expect(answer.body.equals(wanted), `the body of ${name}`).toBe(true);
}

describe('600 pieces of 1 KiB for each of 12 clients, 4 of them slow', () => {
  test('over TCP', async () => {
    await using server = await served(stream);
    for (let round = 0; round < 2; round += 1) await allGetTheirOwn(server);
  });

  test.runIf(opensslThere)('over TLS', async () => {
    using issuer = new Issuer();
    const { cert, key } = issuer.issue();
    await using server = await served(stream, {}, { tls: { cert: [cert], key: [key] } });
    for (let round = 0; round < 2; round += 1) await allGetTheirOwn(server);
  });
});
