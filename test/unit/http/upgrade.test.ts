// upgrade(): the socket changes hands, with every byte behind the head.
import type { Duplex } from 'node:stream';

import { expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { onNode, reply, served, start } from './served.ts';

const head = ['GET / HTTP/1.1', 'Host: a', 'Connection: upgrade', 'Upgrade: echo'];
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('hands over what came behind the head, and then the socket is the taker’s', async () => {
  await using server = await served(async (exchange) => {
    const { socket, rest } = exchange.upgrade();
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n\r\n${Buffer.from(rest)}`);
    socket.on('data', (bytes) => socket.write(bytes)).resume();
    socket.on('end', () => socket.end());
  });
  await using client = await server.open();
  client.send(`${head.join('\r\n')}\r\n\r\nearly bytes`);
  expect((await client.head()).status).toBe(101);
  expect(await client.until('early bytes')).toBe('early bytes');
  expect(await client.send('GET / HTTP/1.1\r\n\r\n').until('\r\n\r\n')).toBe('GET / HTTP/1.1\r\n\r\n');
  client.end();
  expect((await client.closed()).ending).toBe('end');
});

test('no byte is lost that comes before somebody listens', async () => {
  const given = deferred();
  const sent = deferred();
  await using server = await served(async (exchange) => {
    const { socket, rest } = exchange.upgrade();
    given.resolve();
    await sent.promise;
    await turns(20);
    socket.write(rest);
    socket.on('data', (bytes) => socket.write(bytes)).resume();
  });
  await using client = await server.open();
  client.request(...head);
  await given.promise;
  client.send('between');
  await client.flushed();
  await turns(20);
  sent.resolve();
  client.send(' and after');
  expect(await client.until('after')).toBe('between and after');
});

test('the listener no longer knows the connection: not in its count, not in its deadlines, not in its close()', async () => {
  const given = deferred<Duplex>();
  await using server = await served(
    async (exchange) => {
      const { socket } = exchange.upgrade();
      socket.on('data', (bytes) => socket.write(bytes)).resume();
      given.resolve(socket);
      await exchange.finished;
    },
    { idleTimeout: 100, headTimeout: 100 },
  );
  await using client = await server.open();
  client.request(...head);
  const socket = await given.promise;
  expect(server.listener.connections).toBe(0);
  await server.listener.close(1000);
  await new Promise((resolve) => setTimeout(resolve, 800));
  expect(await client.send('still here').until('here')).toBe('still here');
  socket.destroy();
});

test('behind start() it is refused, and the answer goes on', async () => {
  let thrown: unknown;
  await using server = await served(async (exchange) => {
    start(exchange);
    try {
      exchange.upgrade();
    } catch (error) {
      thrown = error;
    }
    await exchange.write(Buffer.from('plain'));
    await exchange.end();
  });
  await using client = await server.open();
  expect((await client.request(...head).answer()).text).toBe('plain');
  expect(thrown).toMatchObject({ code: 'CONTRACT' });
});

// Node reads no further than an upgrade: behind an answer that is none the connection is closed.
test.skipIf(onNode)('behind the answer it is refused', async () => {
  let thrown: unknown;
  await using server = await served(async (exchange) => {
    await reply(exchange);
    try {
      exchange.upgrade();
    } catch (error) {
      thrown = error;
    }
  });
  await using client = await server.open();
  await client.request(...head).answer();
  expect((await client.request(...head).answer()).text).toBe('/');
  expect(thrown).toMatchObject({ code: 'CLOSED' });
});

test('afterwards nothing of the exchange reaches the socket', async () => {
  const seen = deferred<unknown[]>();
  await using server = await served(async (exchange) => {
    const { socket } = exchange.upgrade();
    const errors: unknown[] = [];
    const write = exchange.write(Buffer.from('x')).catch((error: unknown) => errors.push(error));
    const end = exchange.end().catch((error: unknown) => errors.push(error));
    await Promise.all([write, end]);
    exchange.inform(103, []);
    exchange.abort(new (await import('../../../src/core/errors.ts')).GatewayError('TIMEOUT', 'Too late'));
    seen.resolve(errors);
    socket.end('mine');
    socket.resume();
  });
  await using client = await server.open();
  client.request(...head);
  expect((await client.closed()).rest.toString()).toBe('mine');
  expect(await seen.promise).toHaveLength(2);
});
