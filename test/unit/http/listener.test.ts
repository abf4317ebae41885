// The listener: addresses, counting, and a close that loses no answer.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import { GatewayError } from '../../../src/core/errors.ts';
import { parseBind, urlOf } from '../../../src/http/bind.ts';
import { once, RawClient } from '../../support/raw-client.ts';
import { listenerOf, reply, served, start, until } from './served.ts';

const get = ['GET / HTTP/1.1', 'Host: a'];
const folder = mkdtempSync(join(tmpdir(), 'listener-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('listen()', () => {
  test('says which port it got', async () => {
    await using listener = listenerOf({ handler: reply });
    const bound = await listener.listen(parseBind('127.0.0.1:0'));
    expect(bound).toEqual(['127.0.0.1', expect.any(Number)]);
    expect((await once(new URL(urlOf(bound)), get)).text).toBe('/');
  });

  test('IPv6', async () => {
    await using listener = listenerOf({
      handler: (exchange) => reply(exchange, JSON.stringify([exchange.client?.[0], exchange.server])),
    });
    const bound = await listener.listen(parseBind('[::1]:0'));
    expect(urlOf(bound)).toBe(`http://[::1]:${bound[1]}`);
    expect((await once(new URL(urlOf(bound)), get)).text).toBe(JSON.stringify(['::1', bound]));
  });

  test('a port in use: one line that says what to do', async () => {
    await using first = listenerOf({ handler: reply });
    const [, port] = await first.listen(parseBind('127.0.0.1:0'));
    await using second = listenerOf({ handler: reply });
    const error = await second.listen(parseBind(`127.0.0.1:${port}`)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'LISTEN',
      message: expect.stringMatching(/^Cannot listen on "127\.0\.0\.1:\d+": it is in use; .+[^.]$/),
    });
    expect(error).toBeInstanceOf(GatewayError);
  });

  test('a host that does not exist, and an address of another machine', async () => {
    for (const bind of ['no-such-host.invalid:0', '192.0.2.1:0']) {
      await using listener = listenerOf({ handler: reply });
      const error = await listener.listen(parseBind(bind)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'LISTEN',
        message: expect.stringMatching(/^Cannot listen on "[^\n]+$/),
      });
    }
  });

  test('an answer over a unix socket that is cut is ended, where TCP has a reset', async () => {
    await using listener = listenerOf({
      handler: async (exchange) => {
        start(exchange); // to HTTP/1.0: only a reset would say that it is not complete
        await exchange.write(Buffer.from('half'));
        throw new Error('Half way');
      },
    });
    const path = join(folder, 'cut.sock');
    await listener.listen(parseBind(`unix:${path}`));
    await using client = await RawClient.open(path);
    expect((await client.request('GET / HTTP/1.0').answer()).text).toBe('half');
    await until(() => listener.connections === 0, 'no connection');
  });

  test('a unix socket is served, and its file is gone afterwards', async () => {
    const path = join(folder, 'app.sock');
    const listener = listenerOf({
      handler: (exchange) => reply(exchange, JSON.stringify([exchange.client, exchange.server])),
    });
    expect(await listener.listen(parseBind(`unix:${path}`))).toEqual([path, null]);
    expect(JSON.parse((await once(path, get)).text)).toEqual([null, [path, null]]);
    await listener.close(0);
    expect(existsSync(path)).toBe(false);
  });

  test('a unix socket that is in use is left alone', async () => {
    const path = join(folder, 'used.sock');
    await using first = listenerOf({ handler: reply });
    await first.listen(parseBind(`unix:${path}`));
    await using second = listenerOf({ handler: reply });
    await expect(second.listen(parseBind(`unix:${path}`))).rejects.toMatchObject({ code: 'LISTEN' });
    expect((await once(path, get)).text).toBe('/');
  });

  test('a file that is no socket is left alone', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'precious');
    await using listener = listenerOf({ handler: reply });
    await expect(listener.listen(parseBind(`unix:${path}`))).rejects.toMatchObject({ code: 'LISTEN' });
    expect(existsSync(path)).toBe(true);
  });

  test('a folder that is not there', async () => {
    await using listener = listenerOf({ handler: reply });
    const error = await listener
      .listen(parseBind(`unix:${join(folder, 'none', 'app.sock')}`))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'LISTEN', message: expect.stringContaining('folder') });
  });
});

describe('connections', () => {
  test('are counted, and one more than maxConnections gets a 503 and the end', async () => {
    await using server = await served(reply, { maxConnections: 2 });
    await using first = await server.open();
    await using second = await server.open();
    for (const client of [first, second]) await client.request(...get).answer();
    expect(server.listener.connections).toBe(2);
    await using third = await server.open();
    const answer = await third.answer();
    expect([answer.status, answer.get('retry-after'), answer.get('connection')]).toEqual([503, '1', 'close']);
    expect((await third.closed()).ending).toBe('end');
    first.end();
    await first.closed();
    await until(() => server.listener.connections === 1, 'one connection');
    await using fourth = await server.open();
    expect((await fourth.request(...get).answer()).status).toBe(200);
  });

  test('the 503 is read by a client that sent its request at once', async () => {
    await using server = await served(reply, { maxConnections: 1 });
    await using first = await server.open();
    await first.request(...get).answer();
    for (let count = 0; count < 20; count += 1) {
      await using client = await server.open();
      client.request(...get).send(Buffer.alloc(100_000));
      expect((await client.answer()).status).toBe(503);
    }
  });
});

describe('close()', () => {
  test('what runs is answered, with connection: close; what is idle is closed; nothing new is accepted', async () => {
    const gate = deferred();
    const begun = deferred();
    await using server = await served(async (exchange) => {
      if (exchange.head.path === '/slow') {
        begun.resolve();
        await gate.promise;
      }
      await reply(exchange);
    });
    await using idle = await server.open();
    await idle.request(...get).answer();
    await using busy = await server.open();
    busy.request('GET /slow HTTP/1.1', 'Host: a').request('GET /behind HTTP/1.1', 'Host: a');
    await begun.promise;
    const closed = server.listener.close(5000);
    expect(await idle.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    idle.end();
    await expect(server.open()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    gate.resolve();
    const answer = await busy.answer();
    expect([answer.text, answer.get('connection'), answer.complete]).toEqual(['/slow', 'close', true]);
    expect(await busy.closed()).toEqual({ ending: 'end', rest: Buffer.alloc(0) });
    busy.end();
    await closed;
    expect(server.listener.connections).toBe(0);
  });

  test('an answer whose head has left is finished', async () => {
    const gate = deferred();
    const begun = deferred();
    await using server = await served(async (exchange) => {
      start(exchange);
      await exchange.write(Buffer.alloc(8192, 'x'));
      begun.resolve();
      await gate.promise;
      await exchange.end();
    });
    await using client = await server.open();
    client.request(...get);
    await begun.promise;
    const closed = server.listener.close(5000);
    gate.resolve();
    expect((await client.answer()).complete).toBe(true);
    expect((await client.closed()).ending).toBe('end');
    client.end();
    await closed;
  });

  test('past the grace it cuts', async () => {
    const begun = deferred();
    const told = deferred<unknown>();
    await using server = await served(async (exchange) => {
      const { gone } = exchange;
      begun.resolve();
      await exchange.finished;
      told.resolve(gone.aborted);
    });
    await using client = await server.open();
    client.request(...get);
    await begun.promise;
    const before = performance.now();
    await server.listener.close(200);
    expect(performance.now() - before).toBeGreaterThan(150);
    expect(await told.promise).toBe(true);
    expect((await client.closed()).rest).toHaveLength(0);
  });

  test('twice is once; a second one may shorten the grace', async () => {
    const begun = deferred();
    await using server = await served(async (exchange) => {
      begun.resolve();
      await exchange.finished;
    });
    await using client = await server.open();
    client.request(...get);
    await begun.promise;
    const first = server.listener.close(60_000);
    await server.listener.close(0);
    await first;
    await server.listener.close();
  });

  test('before listen(), and behind a listen() that failed', async () => {
    await listenerOf({ handler: reply }).close();
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const address = blocker.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const listener = listenerOf({ handler: reply });
    await expect(listener.listen(parseBind(`127.0.0.1:${port}`))).rejects.toThrow();
    await listener.close();
    await new Promise((resolve) => blocker.close(resolve));
  });

  test('a client that is half way through a head does not hold it up', async () => {
    await using server = await served(reply, { lingerTimeout: 100 });
    await using client = await RawClient.open(server.url);
    client.send('GET / HTTP/1.1\r\nHost:');
    await client.flushed();
    await until(() => server.listener.connections === 1, 'a connection');
    await server.listener.close(5000);
    expect((await client.closed()).ending).not.toBeNull();
  });
});

test('close() answers what had been sent by then, though nobody had read it yet', async () => {
  await using server = await served(reply);
  const clients = await Promise.all(Array.from({ length: 10 }, () => server.open()));
  // Each connection has been served once: now it is idle.
  for (const client of clients) client.request('GET /one HTTP/1.1', 'Host: a');
  for (const client of clients) expect((await client.answer()).text).toBe('/one');
  for (const client of clients) client.request('GET /two HTTP/1.1', 'Host: a');
  await Promise.all(clients.map((client) => client.flushed()));
  const from = performance.now();
  while (performance.now() - from < 20); // as an inline app does: the loop has read nothing
  const closed = server.listener.close(5000);
  for (const client of clients) {
    const answer = await client.answer();
    expect([answer.text, answer.get('connection')]).toEqual(['/two', 'close']);
  }
  await closed;
});

test('a unix path that the kernel would cut off, or where a file stands, is refused', async () => {
  await using listener = listenerOf({ handler: reply });
  const long = join(folder, 'x'.repeat(120));
  await expect(listener.listen(parseBind(`unix:${long}`))).rejects.toThrow(
    /a socket's path has at most 10\d bytes$/,
  );
  const file = join(folder, 'plain.txt');
  writeFileSync(file, 'mine');
  await expect(listener.listen(parseBind(`unix:${file}`))).rejects.toThrow(
    /a file that is no socket is there$/,
  );
  await expect(listener.listen(parseBind(`unix:${join(folder, 'none/x')}`))).rejects.toThrow(
    /its folder does not exist$/,
  );
});
