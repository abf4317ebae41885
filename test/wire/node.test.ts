// The corpus on the node engine: what node:http refuses, or takes where ours refuses, is listed by name.
import { afterAll, describe, expect, test } from 'vitest';

import { parseBind } from '../../src/http/bind.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import type { Limits } from '../../src/http/limits.ts';
import { NodeListener } from '../../src/http/node/listener.ts';
import { RawClient } from '../support/raw-client.ts';
import { type Invalid, invalid, type Valid, valid } from './corpus.ts';

/** Good requests that node:http refuses, or after which it does not keep the connection. */
const refusedByNode: Readonly<Record<string, string>> = {
  'method-token': 'its parser knows a list of methods',
  'method-long': 'its parser knows a list of methods',
  'method-lower-case': 'its parser knows a list of methods',
  'method-one-letter': 'its parser knows a list of methods',
  'method-like-connect': 'its parser knows a list of methods',
};

/** Good requests that some versions of Node refuse, or do not keep the connection after. */
const byVersion: Readonly<Record<string, string>> = {
  'upgrade-unknown': 'up to 24.8 it stops reading at an upgrade: answered, then closed',
};

/** Bad requests that node:http takes: nothing shows them to us. */
const takenByNode: Readonly<Record<string, string>> = {
  'cr-leading': 'it skips CR and LF before a request line, as many as come',
  'lf-leading': 'it skips CR and LF before a request line, as many as come',
  'second-lf-lf': 'it skips CR and LF before a request line, as many as come',
  'two-spaces-before-target': 'it skips spaces in the request line',
  'two-spaces-before-version': 'it skips spaces in the request line',
  rtsp: 'it takes RTSP/1.0 and ICE/1.0 for HTTP/1.0',
  'chunk-ext-too-long': 'its limit of chunk extensions is its own: 16 KiB',
  'chunk-ext-too-long-in-sum': 'its limit of chunk extensions is its own: 16 KiB',
  'chunk-ext-empty-first': 'it takes extensions without a name, or without a value',
  'chunk-ext-no-name': 'it takes extensions without a name, or without a value',
  'chunk-ext-no-value': 'it takes extensions without a name, or without a value',
  'chunk-ext-quote-inside': 'it takes a quote within a value',
  'chunk-size-13-digits-zeros': 'it takes any number of zeros before a chunk size',
  'chunk-size-zeros-without-end': 'it takes any number of zeros before a chunk size',
};

/** Bad requests whose fault is seen when more of the body comes; until then they wait, as long as bodies may. */
const seenLate: Readonly<Record<string, string>> = {
  'chunk-above-max-body': 'a chunk is counted as its bytes come, not by its size',
  'chunk-size-13-digits': 'a chunk is counted as its bytes come, not by its size',
};

/** Bad requests behind which node:http waits for more, as long as a head may take. */
const waitedFor: Readonly<Record<string, string>> = {
  'pri-method-absolute': 'it takes PRI for the begin of HTTP/2, whatever the version',
};

const listeners = new Map<string, Promise<{ url: URL; listener: NodeListener }>>();

afterAll(async () => {
  for (const open of listeners.values()) await (await open).listener.close(0);
});

describe.concurrent('valid', () => {
  test.each(valid.filter(({ name }) => !refusedByNode[name] && !byVersion[name]))(
    '$name: $why',
    async (each) => {
      await accepted(each);
    },
  );
  test.each(valid.filter(({ name }) => refusedByNode[name]))('$name: not on node:http', async (each) => {
    await expect(accepted(each)).rejects.toThrow();
  });
});

describe.concurrent('invalid', () => {
  const known = { ...takenByNode, ...seenLate, ...waitedFor };
  test.each(invalid.filter(({ name }) => !known[name]))('$name: $why', async (each) => {
    const { status, rest } = await refused(each);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(rest).toHaveLength(0);
  });
  test.each(invalid.filter(({ name }) => takenByNode[name]))('$name: taken by node:http', async (each) => {
    await using client = await RawClient.open(await listening(each.limits));
    client.send(each.bytes);
    for (let count = 0; count <= (each.before ?? 0); count += 1)
      expect((await client.answer()).status).toBe(200);
  });
  test.each(invalid.filter(({ name }) => seenLate[name]))('$name: seen late', async (each) => {
    const { status } = await refused({ ...each, limits: { ...each.limits, bodyGrace: 100, bodyRate: 1e6 } });
    expect(status).toBe(408);
  });
  test.each(invalid.filter(({ name }) => waitedFor[name]))('$name: waited for', async (each) => {
    const { status } = await refused({ ...each, limits: { ...each.limits, headTimeout: 300 } });
    expect(status).toBe(408);
  });
});

test('what is listed is in the corpus', () => {
  const names = [...valid, ...invalid].map(({ name }) => name);
  const listed = Object.keys({ ...refusedByNode, ...byVersion, ...takenByNode, ...seenLate, ...waitedFor });
  expect(listed.filter((name) => !names.includes(name))).toEqual([]);
});

async function accepted({ bytes, limits, requests }: Valid): Promise<void> {
  await using client = await RawClient.open(await listening(limits));
  client.send(bytes);
  for (const { method, target, headers, body } of requests) {
    const answer = await client.answer({ method });
    expect([answer.status, answer.complete]).toEqual([200, true]);
    if (method !== 'HEAD') expect(JSON.parse(answer.text)).toEqual({ method, target, headers, body });
  }
  if (requests.at(-1)?.keepAlive !== false) {
    // In step: the next request is seen as what it is.
    client.request('GET /in-step HTTP/1.1', 'Host: b', 'Connection: close');
    expect(JSON.parse((await client.answer()).text)).toMatchObject({ target: '/in-step' });
  }
  expect(await client.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
}

/** Behind the answers to the good requests before it: one refusal, and the end. */
async function refused(each: Invalid): Promise<{ status: number; rest: Buffer }> {
  await using client = await RawClient.open(await listening(each.limits));
  client.send(each.bytes);
  for (let count = 0; count < (each.before ?? 0); count += 1)
    expect((await client.answer()).status).toBe(200);
  const { status, complete } = await client.answer();
  expect(complete).toBe(true);
  const { ending, rest } = await client.closed();
  expect(ending).toBe('end');
  return { status, rest };
}

function listening(limits: Limits): Promise<URL> {
  const key = JSON.stringify(limits);
  const open = listeners.get(key) ?? start(limits);
  listeners.set(key, open);
  return open.then(({ url }) => url);
}

async function start(limits: Limits): Promise<{ url: URL; listener: NodeListener }> {
  const listener = new NodeListener({ handler: echo, limits });
  const [host, port] = await listener.listen(parseBind('127.0.0.1:0'));
  return { url: new URL(`http://${host}:${port}`), listener };
}

/** Answers with what it saw, as JSON. */
async function echo(exchange: Exchange): Promise<void> {
  const { method, target, headers } = exchange.head;
  const read: Uint8Array[] = [];
  for (let more = true; more; ) {
    const piece = await exchange.read();
    read.push(piece.body);
    more = piece.more;
  }
  const body = Buffer.concat(read).toString('latin1');
  exchange.start({ status: 200, headers: [['content-type', 'application/json']] });
  await exchange.finish(Buffer.from(JSON.stringify({ method, target, headers, body })));
}
