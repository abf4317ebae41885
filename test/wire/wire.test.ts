// The corpus over real sockets: each file in one write, and again in pieces.
import { afterAll, describe, expect, test } from 'vitest';

import { HttpError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/log.ts';
import { parseBind } from '../../src/http/bind.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import type { Limits } from '../../src/http/limits.ts';
import { Listener } from '../../src/http/listener.ts';
import { RawClient } from '../support/raw-client.ts';
import { byteByByte, type Expected, type Invalid, invalid, pieces, type Valid, valid } from './corpus.ts';

interface Seen {
  readonly method: string;
  readonly target: string;
  readonly headers: Expected['headers'];
  body?: string;
  /** What read() rejected with. */
  error?: unknown;
}

/** One listener for each set of limits; most files share the first. */
const listeners = new Map<string, Promise<{ url: URL; listener: Listener }>>();
/** What the handlers saw, by the port of the client. */
const seenFrom = new Map<number, Seen[]>();

afterAll(async () => {
  for (const open of listeners.values()) await (await open).listener.close(0);
});

describe('valid', () => {
  test.each(valid)('$name: $why', async (each) => {
    await accepted(each, [each.bytes]);
  });
  test.each(valid)('$name, in pieces', async (each) => {
    await accepted(each, inPieces(each.bytes, each.name));
  });
});

describe('invalid', () => {
  test.each(invalid)('$name: $status, $why', async (each) => {
    await refused(each, [each.bytes]);
  });
  test.each(invalid)('$name, in pieces: $status', async (each) => {
    await refused(each, inPieces(each.bytes, each.name));
  });
});

async function accepted({ bytes, limits, requests }: Valid, parts: readonly Uint8Array[]): Promise<void> {
  await using client = await connected(bytes, limits);
  await send(client, parts);
  for (const { method, target, headers, body } of requests) {
    const answer = await client.answer({ method });
    expect(answer.status).toBe(200);
    expect(answer.complete).toBe(true);
    if (method === 'HEAD') expect(answer.body).toHaveLength(0);
    else expect(JSON.parse(answer.text)).toEqual({ method, target, headers, body });
  }
  const wanted = requests.map(({ method, target, headers, body }) => ({ method, target, headers, body }));
  expect(seenBy(client)).toEqual(wanted);
  if (requests.at(-1)?.keepAlive === false) {
    expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    return;
  }
  // In step: the next request is seen as what it is.
  client.request('GET /in-step HTTP/1.1', 'Host: b', 'Connection: close');
  const next = await client.answer();
  expect(JSON.parse(next.text)).toMatchObject({
    target: '/in-step',
    headers: [
      ['host', 'b'],
      ['connection', 'close'],
    ],
  });
  expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
}

async function refused(each: Invalid, parts: readonly Uint8Array[]): Promise<void> {
  const { bytes, limits, status, stage, before = 0 } = each;
  await using client = await connected(bytes, limits);
  await send(client, parts);
  for (let count = 0; count < before; count += 1) expect((await client.answer()).status).toBe(200);
  const answer = await client.answer();
  expect(answer.status).toBe(status);
  expect(answer.complete).toBe(true);
  expect(answer.get('connection')).toBe('close');
  expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
  const seen = seenBy(client);
  expect(seen).toHaveLength(before + (stage === 'body' ? 1 : 0));
  if (stage !== 'body') return;
  const { error } = seen.at(-1) ?? {};
  expect(error).toBeInstanceOf(HttpError);
  expect(error).toMatchObject({ status });
}

async function connected(bytes: Uint8Array, limits: Limits): Promise<RawClient> {
  const client = await RawClient.open(await listening(bytes, limits));
  seenFrom.delete(client.localPort ?? -1); // a port may come again
  return client;
}

function listening(bytes: Uint8Array, limits: Limits): Promise<URL> {
  expect(bytes.length).toBeGreaterThan(0);
  const key = JSON.stringify(limits);
  const open = listeners.get(key) ?? start(limits);
  listeners.set(key, open);
  return open.then(({ url }) => url);
}

async function start(limits: Limits): Promise<{ url: URL; listener: Listener }> {
  const listener = new Listener({ handler: echo, log: silent, limits });
  const [host, port] = await listener.listen(parseBind('127.0.0.1:0'));
  return { url: new URL(`http://${host}:${port}`), listener };
}

/** Answers with what it saw, as JSON. */
async function echo(exchange: Exchange): Promise<void> {
  const { method, target, headers } = exchange.head;
  const seen: Seen = { method, target, headers };
  const port = exchange.client?.[1] ?? 0;
  seenFrom.set(port, [...(seenFrom.get(port) ?? []), seen]);
  try {
    seen.body = await whole(exchange);
  } catch (error) {
    seen.error = error;
    throw error;
  }
  exchange.start({ status: 200, headers: [['content-type', 'application/json']] });
  void exchange.write(Buffer.from(JSON.stringify(seen)));
  await exchange.end();
}

async function whole(exchange: Exchange): Promise<string> {
  const read: Uint8Array[] = [];
  for (;;) {
    const { body, more } = await exchange.read();
    read.push(body);
    if (!more) return Buffer.concat(read).toString('latin1');
  }
}

function seenBy(client: RawClient): Seen[] {
  return seenFrom.get(client.localPort ?? -1) ?? [];
}

function inPieces(bytes: Uint8Array, seed: string): Uint8Array[] {
  return bytes.length <= 200 ? byteByByte(bytes) : pieces(bytes, 12, seed);
}

/** Each piece in a packet of its own: the next one only when the last is with the kernel. */
async function send(client: RawClient, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    if (client.ending) return; // refused before its end
    client.send(part);
    if (parts.length > 1) await client.flushed();
  }
}
