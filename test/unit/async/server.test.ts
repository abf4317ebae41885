import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import {
  type AsyncApp,
  AsyncServer,
  ContractError,
  Disconnected,
  type State,
} from '../../../src/async/index.ts';
import { deferred } from '../../../src/core/deferred.ts';
import { RawClient } from '../../support/raw-client.ts';
import { Recorder } from '../../support/recorder.ts';
import { WsClient } from '../../support/ws-client.ts';
import { sending, served } from './served.ts';

const get = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

/** Speaks all three, and says what it heard of its life. */
function whole(heard: string[] = [], state: State = {}): AsyncApp {
  return async (scope, receive, send) => {
    if (scope.type === 'lifespan') {
      Object.assign(scope.state, state);
      for (;;) {
        const event = await receive();
        heard.push(event.type);
        if (event.type === 'lifespan.startup') await send({ type: 'lifespan.startup.complete' });
        if (event.type === 'lifespan.shutdown') return send({ type: 'lifespan.shutdown.complete' });
      }
    }
    if (scope.type === 'websocket') {
      await receive();
      await send({ type: 'websocket.accept' });
      for (;;) {
        const event = await receive();
        if (event.type !== 'websocket.disconnect') continue;
        heard.push(`${event.type} ${event.code}`);
        return;
      }
    }
    await send({ type: 'http.response.start', status: 200 });
    await send({ type: 'http.response.body', body: Buffer.from(JSON.stringify(scope.state)) });
  };
}

test('[A-70] the port is closed until the app has started, and requests see the state', async () => {
  const gate = deferred();
  const heard: string[] = [];
  const app = whole(heard, { pool: 7 });
  await using server = new AsyncServer(async (scope, receive, send) => {
    if (scope.type === 'lifespan') await gate.promise;
    await app(scope, receive, send);
  });
  let listening = false;
  const starting = server.listen('127.0.0.1:0').then((address) => {
    listening = true;
    return address;
  });
  await new Promise(setImmediate);
  expect(listening).toBe(false);
  gate.resolve();
  const { url } = await starting;
  expect(await (await fetch(url)).json()).toEqual({ pool: 7 });
  await server.close();
  expect(heard).toEqual(['lifespan.startup', 'lifespan.shutdown']);
});

test("[A-29] what one request writes into its state is not in the next one's", async () => {
  let rounds = 0;
  const app = whole();
  await using server = await served(
    async (scope, receive, send) => {
      if (scope.type === 'http' && rounds++ === 0) scope.state['mine'] = 1;
      await app(scope, receive, send);
    },
    { lifespan: 'on' },
  );
  expect(await (await fetch(server.url)).json()).toEqual({ mine: 1 });
  expect(await (await fetch(server.url)).json()).toEqual({});
});

test('[A-71] an app that says it failed is not listened for', async () => {
  await using server = new AsyncServer(async (_scope, receive, send) => {
    await receive();
    await send({ type: 'lifespan.startup.failed', message: 'no database' });
  });
  await expect(server.listen('127.0.0.1:0')).rejects.toMatchObject({
    code: 'APP_START',
    message: 'The app did not start: no database',
  });
});

test('an address in use is refused, and the app is shut down again', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const heard: string[] = [];
  const server = new AsyncServer(whole(heard));
  await expect(server.listen(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'LISTEN' });
  expect(heard).toEqual(['lifespan.startup', 'lifespan.shutdown']);
  await expect(server.listen('127.0.0.1:0')).rejects.toMatchObject({ code: 'CLOSED' });
  await new Promise((resolve) => other.close(resolve));
});

test('an address that is none is refused before the app starts', async () => {
  const heard: string[] = [];
  await using server = new AsyncServer(whole(heard));
  await expect(server.listen('nowhere:at:all')).rejects.toMatchObject({ code: 'USAGE' });
  expect(heard).toEqual([]);
});

test('[A-28] over a unix socket server is the path and null', async () => {
  const path = join(tmpdir(), `dualgate-${process.pid}-async.sock`);
  const scopes: unknown[] = [];
  const app = whole();
  await using server = new AsyncServer(async (scope, receive, send) => {
    if (scope.type === 'http') scopes.push(scope.server);
    await app(scope, receive, send);
  });
  await server.listen(`unix:${path}`);
  await using raw = await RawClient.open(path);
  raw.send(get);
  expect((await raw.answer()).status).toBe(200);
  expect(scopes).toEqual([[path, null]]);
});

test('[A-73] close lets a request finish, and shuts the app down after it', async () => {
  const order: string[] = [];
  const entered = deferred();
  const gate = deferred();
  const app = whole(order);
  await using server = await served(
    async (scope, receive, send) => {
      if (scope.type === 'http') {
        entered.resolve();
        await gate.promise;
        order.push('answered');
      }
      await app(scope, receive, send);
    },
    { lifespan: 'on' },
  );
  await using raw = await sending(server, get);
  await entered.promise;
  const closing = server.server.close(5000);
  gate.resolve();
  expect((await raw.answer()).complete).toBe(true);
  await closing;
  expect(order).toEqual(['lifespan.startup', 'answered', 'lifespan.shutdown']);
});

test('close tells open WebSockets 1012, and the app its disconnect, before lifespan.shutdown', async () => {
  const heard: string[] = [];
  await using server = await served(whole(heard), { lifespan: 'on' });
  await using client = await WsClient.open(server.url);
  await server.server.close(5000);
  expect((await client.closed()).code).toBe(1012);
  expect(heard).toEqual(['lifespan.startup', 'websocket.disconnect 1012', 'lifespan.shutdown']);
});

test('a handshake that waits at shutdown is answered with 503', async () => {
  const connected = deferred();
  const heard = deferred<unknown>();
  const thrown = deferred<unknown>();
  await using server = await served(async (_scope, receive, send) => {
    await receive();
    connected.resolve();
    heard.resolve(await receive());
    await send({ type: 'websocket.accept' }).catch(thrown.resolve);
  });
  const denied = WsClient.denied(server.url);
  await connected.promise;
  const closing = server.server.close(5000);
  expect((await denied).status).toBe(503);
  await closing;
  expect(await heard.promise).toMatchObject({ type: 'websocket.disconnect', code: 1012 });
  expect(await thrown.promise).toBeInstanceOf(Disconnected);
});

test('a client that does not answer the close, and an app that does not leave, cannot hold the server', async () => {
  const accepted = deferred();
  await using server = await served(async (_scope, receive, send) => {
    await receive();
    await send({ type: 'websocket.accept' });
    accepted.resolve();
    await new Promise(() => {});
  });
  await using client = await WsClient.open(server.url);
  client.socket.pause();
  await accepted.promise;
  const before = performance.now();
  await server.server.close(100);
  expect(performance.now() - before).toBeLessThan(1500);
  expect(server.log.troubles).toMatchObject([{ level: 'warn' }]);
});

test('close may be called twice, and before anything listens', async () => {
  const heard: string[] = [];
  const server = new AsyncServer(whole(heard));
  await Promise.all([server.close(), server.close()]);
  expect(heard).toEqual([]);
});

test('the log of an error names the request', async () => {
  const log = new Recorder();
  await using server = new AsyncServer(
    async () => {
      throw new ContractError('A-04', 'This app speaks nothing');
    },
    { log, lifespan: 'off' },
  );
  const { url } = await server.listen('127.0.0.1:0');
  await fetch(`${url}/a?b`, { method: 'POST' });
  expect(log.troubles).toMatchObject([
    { fields: { method: 'POST', target: '/a?b', error: { clause: 'A-04' } } },
  ]);
});
