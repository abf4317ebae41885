import { expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { Disconnected } from '../../../src/core/errors.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import {
  type Acceptance,
  acceptWebSocket,
  asksForWebSocket,
  isWebSocketUpgrade,
  offeredSubprotocols,
  type WebSocketPeer,
} from '../../../src/http/websocket.ts';
import { RawClient } from '../../support/raw-client.ts';
import { WsClient } from '../../support/ws-client.ts';
import { listenerOf } from './served.ts';

interface Accepting extends AsyncDisposable {
  readonly url: URL;
  readonly peer: Promise<WebSocketPeer>;
}

/** A listener that accepts the first WebSocket, and keeps it until it is closed. */
async function accepting(acceptance: Acceptance = {}): Promise<Accepting> {
  const { promise, resolve, reject } = deferred<WebSocketPeer>();
  promise.catch(() => {}); // some tests look at it later, some not at all
  const handler = async (exchange: Exchange): Promise<void> => {
    try {
      const peer = await acceptWebSocket(exchange, acceptance);
      resolve(peer);
      await peer.closed;
    } catch (error) {
      reject(error);
      throw error;
    }
  };
  const listener = listenerOf({ handler });
  const [host, port] = await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return {
    url: new URL(`http://${host}:${port}`),
    peer: promise,
    async [Symbol.asyncDispose]() {
      promise.then(
        (peer) => peer.abort(),
        () => {},
      );
      await listener.close(0);
    },
  };
}

/** What the functions say of one request's head. */
async function verdict(request: string): Promise<{ asks: boolean; good: boolean; offered: string[] }> {
  const { promise, resolve } = deferred<{ asks: boolean; good: boolean; offered: string[] }>();
  const listener = listenerOf({
    handler: async (exchange) => {
      const { head } = exchange;
      resolve({
        asks: asksForWebSocket(head),
        good: isWebSocketUpgrade(head),
        offered: offeredSubprotocols(head),
      });
      exchange.start({ status: 204, headers: [] });
      await exchange.end();
    },
  });
  const [host, port] = await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  await using raw = await RawClient.open(new URL(`http://${host}:${port}`));
  raw.send(request);
  const answer = await promise;
  await listener.close(0);
  return answer;
}

const good = [
  'GET / HTTP/1.1',
  'host: x',
  'upgrade: websocket',
  'connection: keep-alive, Upgrade',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version: 13',
  '',
  '',
].join('\r\n');

test('a good handshake is one, in any case', async () => {
  expect(await verdict(good)).toEqual({ asks: true, good: true, offered: [] });
  const upper = good.replace('upgrade: websocket', 'UPGRADE: WebSocket').replace('Upgrade\r', 'UPGRADE\r');
  expect(await verdict(upper)).toMatchObject({ good: true });
});

test.each([
  ['a POST', 'GET', 'POST', false],
  ['HTTP/1.0', 'HTTP/1.1', 'HTTP/1.0', false],
  ['another protocol', 'upgrade: websocket', 'upgrade: h2c', false],
  ['a Connection that does not say so', ', Upgrade', '', false],
  ['a key of another length', 'dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZQ==', true],
  ['two keys', 'host: x', 'host: x\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', true],
  ['version 8', 'version: 13', 'version: 8', true],
])('%s is no good handshake', async (_, from, to, asks) => {
  expect(await verdict(good.replace(from, to))).toMatchObject({ asks, good: false });
});

test('subprotocols of several fields are one list, in the order of preference', async () => {
  const request = good.replace(
    'host: x',
    'host: x\r\nsec-websocket-protocol: b, A\r\nsec-websocket-protocol: c',
  );
  expect(await verdict(request)).toMatchObject({ good: true, offered: ['b', 'A', 'c'] });
});

test('text and bytes go both ways', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url);
  const peer = await server.peer;
  client.send('é');
  client.send(Buffer.from([1, 2]));
  expect(await peer.receive()).toEqual({ message: 'é' });
  expect(await peer.receive()).toEqual({ message: Buffer.from([1, 2]) });
  await peer.send('ü');
  await peer.send(new Uint8Array([3]));
  expect([await client.next(), await client.next()]).toEqual(['ü', Buffer.from([3])]);
});

test('a thousand messages of one tick arrive in their order', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url);
  const peer = await server.peer;
  const sent = Array.from({ length: 1000 }, (_, index) => `message ${index}`);
  await Promise.all(sent.map((message) => peer.send(message)));
  const got: unknown[] = [];
  for (const _ of sent) got.push(await client.next());
  expect(got).toEqual(sent);
});

test('what waited before the client closed is received first, and the close then again and again', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url);
  const peer = await server.peer;
  for (let index = 0; index < 40; index++) client.send(String(index));
  client.socket.close(4002, 'done');
  for (let index = 0; index < 40; index++) expect(await peer.receive()).toEqual({ message: String(index) });
  const close = { close: { code: 4002, reason: 'done' } };
  expect(await Promise.all([peer.receive(), peer.receive()])).toEqual([close, close]);
  expect(await peer.closed).toEqual(close.close);
});

test('close sends code and reason, drops what waits, and is safe to call twice', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url);
  const peer = await server.peer;
  for (let index = 0; index < 100; index++) client.send(String(index));
  expect(await peer.receive()).toEqual({ message: '0' });
  await Promise.all([peer.close(4003, 'enough'), peer.close(1000)]);
  expect(await client.closed()).toEqual({ code: 4003, reason: 'enough' });
  expect(await peer.receive()).toEqual({ close: { code: 4003, reason: 'enough' } });
  await expect(peer.send('late')).rejects.toBeInstanceOf(Disconnected);
});

test('a peer that does not answer the close is cut within the deadline', async () => {
  await using server = await accepting();
  await using raw = await RawClient.open(server.url);
  raw.send(good);
  await raw.head();
  const peer = await server.peer;
  const before = performance.now();
  await peer.close(1001, 'bye');
  expect(performance.now() - before).toBeLessThan(4000);
  expect(await peer.closed).toEqual({ code: 1001, reason: 'bye' });
});

test('a send that waits for room is told when the client goes', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url);
  const peer = await server.peer;
  client.socket.pause();
  const megabyte = new Uint8Array(1024 * 1024);
  const sends = Array.from({ length: 64 }, () => peer.send(megabyte));
  const outcome = Promise.allSettled(sends);
  client.socket.terminate();
  const results = await outcome;
  expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'DISCONNECTED' } });
});

test('abort cuts: the client sees no close frame', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url);
  const peer = await server.peer;
  peer.abort();
  peer.abort();
  expect(await peer.closed).toEqual({ code: 1006, reason: '' });
  expect((await client.closed()).code).toBe(1006);
});

test.each([
  ['a frame without a mask', '\x81\x02hi', 1002],
  ['text that is not UTF-8', '\x81\x81\0\0\0\0\xff', 1007],
  ['a message beyond the limit', '\x82\xfe\x04\x00\0\0\0\0', 1009],
])('%s closes with its code', async (_, frame, code) => {
  await using server = await accepting({ maxMessage: 1000 });
  await using raw = await RawClient.open(server.url);
  raw.send(good);
  await raw.head();
  raw.send(frame);
  const { rest } = await raw.closed();
  raw.end();
  expect(rest.readUInt16BE(2)).toBe(code);
  expect((await (await server.peer).closed).code).toBe(code);
});

test('a ping is answered', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url);
  client.socket.ping();
  await client.pong();
});

test('deflate is not agreed to', async () => {
  await using server = await accepting();
  await using client = await WsClient.open(server.url, [], { perMessageDeflate: true });
  expect(client.socket.extensions).toBe('');
});

test('a request that is no handshake is refused with its status', async () => {
  await using server = await accepting();
  const answer = await fetch(server.url);
  expect(answer.status).toBe(400);
  await expect(server.peer).rejects.toMatchObject({ status: 400 });
});

test('a header that is not UTF-8 is refused before anything is sent', async () => {
  await using server = await accepting({ headers: [['x', '\u00ff']] });
  expect((await WsClient.denied(server.url)).status).toBe(500);
  await expect(server.peer).rejects.toMatchObject({ status: 500 });
});

test('no listener stays on a socket that has been closed', async () => {
  let socket: NodeJS.EventEmitter | null = null;
  const over = deferred();
  const listener = listenerOf({
    handler: async (exchange) => {
      const upgrade = exchange.upgrade.bind(exchange);
      exchange.upgrade = () => {
        const given = upgrade();
        socket = given.socket;
        return given;
      };
      const peer = await acceptWebSocket(exchange);
      await peer.close();
      over.resolve();
    },
  });
  const [host, port] = await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  await using client = await WsClient.open(new URL(`http://${host}:${port}`));
  await client.closed();
  await over.promise;
  await listener.close(0);
  expect(['data', 'drain', 'close'].map((event) => socket?.listenerCount(event))).toEqual([0, 0, 0]);
});
