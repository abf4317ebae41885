// toNode(): apps in a node:http server of somebody else's, with real sockets.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, test } from 'vitest';

import type { AsyncApp } from '../../../src/async/interface.ts';
import { type NodeListenerFunction, type ToNodeOptions, toNode } from '../../../src/bridge/node.ts';
import { syncToAsync } from '../../../src/bridge/sync-to-async.ts';
import { deferred } from '../../../src/core/deferred.ts';
import type { SyncApp } from '../../../src/sync/interface.ts';
import { once, RawClient } from '../../support/raw-client.ts';
import { Recorder } from '../../support/recorder.ts';
import { WsClient } from '../../support/ws-client.ts';

const host = 'host: gate.test';

interface Mounted extends AsyncDisposable {
  readonly url: URL;
  readonly server: Server;
  readonly handler: NodeListenerFunction;
  readonly log: Recorder;
}

type Route = (handler: NodeListenerFunction, request: IncomingMessage, response: ServerResponse) => void;

async function mounted(app: AsyncApp, route?: Route, options: ToNodeOptions = {}): Promise<Mounted> {
  const log = new Recorder();
  const handler = toNode(app, { log, ...options });
  const server = createServer(route ? (request, response) => route(handler, request, response) : handler);
  server.on('upgrade', handler.upgrade);
  server.on('checkContinue', handler.checkContinue);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // a listening TCP server has an address
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    await handler.close(0);
    server.closeAllConnections();
  };
  return { url: new URL(`http://127.0.0.1:${port}`), server, handler, log, [Symbol.asyncDispose]: close };
}

/** What Express and Connect do for `use('/app', …)`. */
const under =
  (prefix: string): Route =>
  (handler, request, response) => {
    const { url = '' } = request;
    if (!url.startsWith(prefix)) return void response.end('other');
    Object.assign(request, { originalUrl: url });
    const rest = url.slice(prefix.length);
    request.url = rest.startsWith('/') ? rest : `/${rest}`;
    handler(request, response);
  };

/** Answers with its scope, as JSON, and the body it was sent. */
const mirror: AsyncApp = async (scope, receive, send) => {
  if (scope.type !== 'http') throw new Error('HTTP only');
  const body: Uint8Array[] = [];
  for (let more = true; more; ) {
    const event = await receive();
    if (event.type !== 'http.request') return;
    body.push(event.body);
    more = event.more_body;
  }
  const { path, raw_path, root_path, query_string } = scope;
  const text = { path, raw_path, root_path, query_string, body: Buffer.concat(body).toString() };
  await send({ type: 'http.response.start', status: 200, headers: [] });
  await send({ type: 'http.response.body', body: Buffer.from(JSON.stringify(text)) });
};

async function seen(url: URL, target: string): Promise<unknown> {
  return JSON.parse((await once(url, [`GET ${target} HTTP/1.1`, host])).text);
}

describe('the path', () => {
  test('is the whole one without a router', async () => {
    await using server = await mounted(mirror);
    expect(await seen(server.url, '/caf%C3%A9?a=1')).toEqual({
      path: '/café',
      raw_path: '/caf%C3%A9',
      root_path: '',
      query_string: 'a=1',
      body: '',
    });
  });

  test.each([
    ['/app/x/y?z=1', '/app/x/y'],
    ['/app/', '/app/'],
    ['/app', '/app'],
    ['/app?z=1', '/app'],
  ])('keeps the prefix that a router cut off, which is the root_path: %s', async (target, path) => {
    await using server = await mounted(mirror, under('/app'));
    expect(await seen(server.url, target)).toMatchObject({ path, raw_path: path, root_path: '/app' });
    expect((await once(server.url, ['GET /else HTTP/1.1', host])).text).toBe('other');
  });

  test('is what a middleware has rewritten it to', async () => {
    await using server = await mounted(mirror, (handler, request, response) => {
      Object.assign(request, { originalUrl: request.url, url: '/new?b' });
      handler(request, response);
    });
    expect(await seen(server.url, '/old?a')).toMatchObject({
      path: '/new',
      query_string: 'b',
      root_path: '',
    });
  });

  test('of a sync app is split into SCRIPT_NAME and PATH_INFO', async () => {
    const app: SyncApp = (environ, startResponse) => {
      startResponse('200 OK', []);
      return [Buffer.from(`${environ.SCRIPT_NAME}|${environ.PATH_INFO}`)];
    };
    await using server = await mounted(syncToAsync(app), under('/app'));
    expect((await once(server.url, ['GET /app/x HTTP/1.1', host])).text).toBe('/app|/x');
    expect((await once(server.url, ['GET /app HTTP/1.1', host])).text).toBe('/app|');
  });
});

describe('the life of the app', () => {
  function living(notes: string[]): AsyncApp {
    return async (scope, receive, send) => {
      if (scope.type !== 'lifespan') return mirror(scope, receive, send);
      for (;;) {
        const { type } = await receive();
        notes.push(type);
        if (type === 'lifespan.startup') await send({ type: 'lifespan.startup.complete' });
        else if (type === 'lifespan.shutdown') return send({ type: 'lifespan.shutdown.complete' });
      }
    };
  }

  test('begins once with start(), or with the first request, and ends with close()', async () => {
    for (const early of [true, false]) {
      const notes: string[] = [];
      await using server = await mounted(living(notes));
      if (early) await server.handler.start();
      expect(notes).toEqual(early ? ['lifespan.startup'] : []);
      await Promise.all(['/a', '/b'].map((target) => seen(server.url, target)));
      expect(notes).toEqual(['lifespan.startup']);
      await server.handler.close();
      await server.handler.close();
      expect(notes).toEqual(['lifespan.startup', 'lifespan.shutdown']);
      expect((await once(server.url, ['GET / HTTP/1.1', host])).status).toBe(503);
    }
  });

  test('that does not begin: start() rejects, requests are answered 503', async () => {
    const app: AsyncApp = async (scope, receive, send) => {
      if (scope.type !== 'lifespan') throw new Error('not called');
      await receive();
      await send({ type: 'lifespan.startup.failed', message: 'no database' });
    };
    await using server = await mounted(app);
    await expect(server.handler.start()).rejects.toMatchObject({ code: 'APP_START' });
    expect((await once(server.url, ['GET / HTTP/1.1', host])).status).toBe(503);
    expect(server.log.troubles.map(({ message }) => message)).toEqual(['The app did not start']);
  });

  test('close() lets a running request finish, and touches no connection that is idle', async () => {
    const entered = deferred();
    const leave = deferred();
    const app: AsyncApp = async (scope, receive, send) => {
      if (scope.type === 'lifespan') throw new Error('none');
      entered.resolve();
      await leave.promise;
      await mirror(scope, receive, send);
    };
    await using server = await mounted(app, under('/app'));
    await using idle = await RawClient.open(server.url);
    await using busy = await RawClient.open(server.url);
    expect((await idle.request('GET /else HTTP/1.1', host).answer()).text).toBe('other');
    busy.request('GET /app HTTP/1.1', host);
    await entered.promise;
    const closed = server.handler.close(5000);
    leave.resolve();
    expect((await busy.answer()).status).toBe(200);
    await closed;
    expect((await idle.request('GET /else HTTP/1.1', host).answer()).text).toBe('other');
  });
});

describe('bodies', () => {
  test('arrive, and 100 Continue is sent when the app reads', async () => {
    await using server = await mounted(mirror);
    await using client = await RawClient.open(server.url);
    client.request('POST / HTTP/1.1', host, 'content-length: 5', 'expect: 100-continue');
    expect((await client.head()).status).toBe(100);
    expect(JSON.parse((await client.send('hello').answer()).text)).toMatchObject({ body: 'hello' });
  });

  test('that a body parser has read are an error, and no wait without an end', async () => {
    await using server = await mounted(mirror, (handler, request, response) => {
      request.on('data', () => {});
      request.on('end', () => handler(request, response));
    });
    const answer = await once(server.url, ['POST / HTTP/1.1', host, 'content-length: 5'], 'hello');
    expect(answer.status).toBe(500);
  });

  test('what our own engine refuses is refused where node shows it', async () => {
    await using server = await mounted(mirror);
    const bad = ['GET /#a HTTP/1.1', 'GET http://other/ HTTP/1.1'];
    for (const line of bad) expect((await once(server.url, [line, host])).status).toBe(400);
    expect((await once(server.url, ['GET / HTTP/1.1', host, host])).status).toBe(400);
  });
});

test('behind the slow answer of another handler on the same connection nothing piles up', async () => {
  const begun = deferred();
  const leave = deferred();
  const written: number[] = [];
  const app: AsyncApp = async (scope, _receive, send) => {
    if (scope.type !== 'http') throw new Error('HTTP only');
    begun.resolve();
    const mine = written.push(0) - 1;
    await send({ type: 'http.response.start', status: 200, headers: [] });
    for (let count = 1; count <= 64; count += 1) {
      await send({ type: 'http.response.body', body: new Uint8Array(1 << 20), more_body: true });
      written[mine] = count;
    }
    await send({ type: 'http.response.body' });
  };
  await using server = await mounted(app, (handler, request, response) => {
    if (request.url === '/ours') return handler(request, response);
    leave.promise.then(() => response.end('theirs'));
  });
  await using client = await RawClient.open(server.url);
  client.request('GET /theirs HTTP/1.1', host).request('GET /ours HTTP/1.1', host);
  await begun.promise;
  await once(server.url, ['GET /ours HTTP/1.1', host]); // long enough for all of it to be written
  expect(written).toEqual([0, 64]);
  leave.resolve();
  expect((await client.answer()).text).toBe('theirs');
  expect((await client.answer()).body).toHaveLength(64 << 20);
});

describe('WebSockets', () => {
  const echo: AsyncApp = async (scope, receive, send) => {
    if (scope.type !== 'websocket') return mirror(scope, receive, send);
    await receive();
    if (scope.path === '/no') return send({ type: 'websocket.close' });
    await send({ type: 'websocket.accept' });
    for (;;) {
      const event = await receive();
      if (event.type !== 'websocket.receive') return;
      await send({ type: 'websocket.send', text: `${scope.root_path}${event.text}` });
    }
  };

  test('are accepted and refused by way of upgrade', async () => {
    await using server = await mounted(echo);
    await using client = await WsClient.open(new URL('/', server.url));
    client.send('hello');
    expect(await client.next()).toBe('hello');
    const handshake = ['connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13'];
    const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';
    expect((await once(server.url, ['GET /no HTTP/1.1', host, ...handshake, key])).status).toBe(403);
  });
});

test('the guide: its server runs, and answers as it says', async () => {
  const guide = readFileSync(new URL('../../../docs/guide/embed.md', import.meta.url), 'utf8');
  const [, code = ''] = /```ts\n(.*?)```/s.exec(guide) ?? [];
  const folder = new URL('../../../.cache/embed/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL('server.ts', folder);
  writeFileSync(file, code);
  process.env['PORT'] = '0';
  const before = process.listeners('SIGTERM');
  // the guide exports both
  const run = (await import(file.href)) as { server: Server; handler: NodeListenerFunction };
  delete process.env['PORT'];
  try {
    if (!run.server.listening) await new Promise((resolve) => run.server.once('listening', resolve));
    const { port } = run.server.address() as AddressInfo; // it listens
    const url = new URL(`http://127.0.0.1:${port}`);
    expect((await once(url, ['GET /app/x HTTP/1.1', host])).text).toBe('Hello from /app/x, mounted at ""\n');
    expect((await once(url, ['GET /x HTTP/1.1', host])).text).toBe('Somebody else\n');
  } finally {
    run.server.close();
    await run.handler.close();
    for (const one of process.listeners('SIGTERM')) if (!before.includes(one)) process.off('SIGTERM', one);
  }
});
