// The strictness probe: 43 payloads, row by row, over real sockets, to our engine and to this node's own server.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { silent } from '../../src/core/log.ts';
import { parseBind } from '../../src/http/bind.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import { Listener } from '../../src/http/listener.ts';
import { RawClient } from '../support/raw-client.ts';

/** `status`: the answer that is due. A refusal closes; what is accepted leaves the connection in step. */
interface Probe {
  readonly row: string;
  readonly bytes: string;
  readonly status: number;
  /** Sent byte by byte. */
  readonly trickled?: boolean;
  /** 1xx answers before it. */
  readonly early?: readonly number[];
  readonly body?: string;
}

const get = (...lines: string[]): string => ['GET / HTTP/1.1', ...lines, '', ''].join('\r\n');
const post = (lines: readonly string[], body: string): string =>
  ['POST / HTTP/1.1', 'Host: a', ...lines, '', body].join('\r\n');
const chunked = (body: string): string => post(['Transfer-Encoding: chunked'], body);
const hello = '5\r\nhello\r\n0\r\n\r\n';

const probes: readonly Probe[] = [
  { row: 'CL+TE', bytes: post(['Content-Length: 5', 'Transfer-Encoding: chunked'], hello), status: 400 },
  { row: 'TE+CL', bytes: post(['Transfer-Encoding: chunked', 'Content-Length: 5'], hello), status: 400 },
  {
    row: 'CL twice, the same',
    bytes: post(['Content-Length: 5', 'Content-Length: 5'], 'hello'),
    status: 400,
  },
  {
    row: 'CL twice, different',
    bytes: post(['Content-Length: 5', 'Content-Length: 6'], 'hello!'),
    status: 400,
  },
  { row: 'CL as a list', bytes: post(['Content-Length: 5, 5'], 'hello'), status: 400 },
  { row: 'CL with a sign', bytes: post(['Content-Length: +5'], 'hello'), status: 400 },
  { row: 'CL negative', bytes: post(['Content-Length: -5'], 'hello'), status: 400 },
  { row: 'CL hexadecimal', bytes: post(['Content-Length: 0x5'], 'hello'), status: 400 },
  { row: 'CL empty', bytes: post(['Content-Length: '], 'hello'), status: 400 },
  { row: 'CL beyond 64 bits', bytes: post(['Content-Length: 18446744073709551621'], 'hello'), status: 400 },
  { row: 'TE xchunked', bytes: post(['Transfer-Encoding: xchunked'], hello), status: 501 },
  { row: 'TE chunked, gzip', bytes: post(['Transfer-Encoding: chunked, gzip'], hello), status: 501 },
  { row: 'TE identity', bytes: post(['Transfer-Encoding: identity'], ''), status: 501 },
  {
    row: 'TE twice',
    bytes: post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], hello),
    status: 400,
  },
  { row: 'TE obs-folded', bytes: post(['Transfer-Encoding:\r\n chunked'], hello), status: 400 },
  {
    row: 'TE with a space before its colon',
    bytes: post(['Transfer-Encoding : chunked'], hello),
    status: 400,
  },
  {
    row: 'TE in HTTP/1.0',
    bytes: `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${hello}`,
    status: 400,
  },
  { row: 'bare LF in the head', bytes: 'GET / HTTP/1.1\nHost: a\n\n', status: 400 },
  { row: 'bare LF behind one field', bytes: 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', status: 400 },
  { row: 'bare CR behind one field', bytes: 'GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n', status: 400 },
  { row: 'NUL in a value', bytes: get('Host: a', 'X: a\0b'), status: 400 },
  { row: 'obs-fold', bytes: get('Host: a', 'X: a', ' b'), status: 400 },
  { row: 'space before the colon', bytes: get('Host: a', 'X : y'), status: 400 },
  { row: 'an empty name', bytes: get('Host: a', ': y'), status: 400 },
  { row: 'a field without a colon', bytes: get('Host: a', 'X'), status: 400 },
  { row: 'missing Host', bytes: get('X: y'), status: 400 },
  { row: 'duplicate Host', bytes: get('Host: a', 'Host: b'), status: 400 },
  { row: 'HTTP/2.0 in the request line', bytes: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', status: 505 },
  { row: 'two spaces before the target', bytes: 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { row: 'NUL in the target', bytes: 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { row: 'http/1.1 in small letters', bytes: 'GET / http/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { row: 'chunk size 0x5', bytes: chunked('0x5\r\nhello\r\n0\r\n\r\n'), status: 400 },
  { row: 'chunk size with bare LF', bytes: chunked('5\nhello\r\n0\r\n\r\n'), status: 400 },
  { row: 'chunk size with a space behind it', bytes: chunked('5 \r\nhello\r\n0\r\n\r\n'), status: 400 },
  {
    row: 'chunk size beyond 64 bits',
    bytes: chunked('10000000000000005\r\nhello\r\n0\r\n\r\n'),
    status: 400,
  },
  { row: 'chunk overrun', bytes: chunked('5\r\nhelloX\r\n0\r\n\r\n'), status: 400 },
  {
    row: 'bad terminator behind the last chunk',
    bytes: chunked('5\r\nhello\r\n0\r\nXY\r\n\r\n'),
    status: 400,
  },
  { row: 'CL inside trailers', bytes: chunked('5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n'), status: 400 },
  { row: 'a head of 20 KiB', bytes: get('Host: a', `X: ${'y'.repeat(20 * 1024)}`), status: 431 },
  {
    row: '300 fields',
    bytes: get('Host: a', ...Array.from({ length: 300 }, (_, at) => `X${at}: y`)),
    status: 431,
  },
  {
    row: 'Expect: 100-continue',
    bytes: post(['Expect: 100-continue', 'Content-Length: 5'], ''),
    status: 200,
    early: [100],
    body: 'hello',
  },
  { row: 'a chunked body byte by byte', bytes: chunked(hello), status: 200, trickled: true },
  {
    row: 'a chunked body byte by byte, with a trailer',
    bytes: chunked('5\r\nhello\r\n0\r\nX: y\r\n\r\n'),
    status: 200,
    trickled: true,
  },
];

const listener = new Listener({ handler: echo, log: silent });
const nodes: Server = createServer((request, response) => {
  const read: Buffer[] = [];
  request.on('data', (bytes: Buffer) => read.push(bytes));
  request.on('end', () => response.end(Buffer.concat(read)));
});
let ours: URL;
let theirs: URL;

beforeAll(async () => {
  const [host, port] = await listener.listen(parseBind('127.0.0.1:0'));
  ours = new URL(`http://${host}:${port}`);
  await new Promise<void>((resolve) => nodes.listen(0, '127.0.0.1', resolve));
  // an address of TCP, as it was asked for
  theirs = new URL(`http://127.0.0.1:${(nodes.address() as AddressInfo).port}`);
});

afterAll(async () => {
  await listener.close(0);
  nodes.closeAllConnections();
  await new Promise((resolve) => nodes.close(resolve));
});

test('there are 43', () => {
  expect(new Set(probes.map(({ row }) => row)).size).toBe(43);
});

describe('our engine', () => {
  test.each(probes)('$row: $status', async ({ bytes, status, trickled, early = [], body = '' }) => {
    await using client = await RawClient.open(ours);
    await send(client, bytes, trickled);
    if (early.length > 0) expect(await client.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    const answer = await client.send(body).answer();
    expect(answer.status).toBe(status);
    expect(answer.complete).toBe(true);
    if (status < 400) {
      expect(answer.text).toBe('hello');
      expect((await client.request('GET /next HTTP/1.1', 'Host: a').answer()).status).toBe(200);
    } else {
      expect(answer.get('connection')).toBe('close');
      expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    }
  });
});

describe(`node's own server (${process.version})`, () => {
  test.each(probes)(
    '$row: what it refuses, ours refuses',
    async ({ bytes, status, trickled, early = [], body = '' }) => {
      await using client = await RawClient.open(theirs);
      await send(client, bytes, trickled);
      if (early.length > 0) await client.until('\r\n\r\n');
      const answer = await client.send(body).answer();
      if (answer.status >= 400) expect(status).toBeGreaterThanOrEqual(400);
      else expect(answer.status).toBe(200);
    },
  );
});

async function echo(exchange: Exchange): Promise<void> {
  const read: Uint8Array[] = [];
  for (let more = true; more; ) {
    const piece = await exchange.read();
    read.push(piece.body);
    more = piece.more;
  }
  exchange.start({ status: 200, headers: [] });
  await exchange.finish(Buffer.concat(read));
}

async function send(client: RawClient, bytes: string, trickled = false): Promise<void> {
  if (!trickled) {
    client.send(bytes);
    return;
  }
  for (const octet of bytes) {
    client.send(octet);
    await client.flushed();
  }
}
