// Behind a real nginx, configured as docs/guide/serve.md says: who the client is, what is spoofed, and what is left.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import type { AsyncApp } from '../../src/async/interface.ts';
import { type ServeOptions, serve } from '../../src/serve/serve.ts';
import { ask, freePorts, Nginx, nginxPath } from './nginx.ts';
import { Command } from './process.ts';

const apps = fileURLToPath(new URL('../conformance/apps/all.ts', import.meta.url));
const quiet = { bind: '127.0.0.1:0', accessLog: false, logLevel: 'silent', threads: 0 } as const;
/** The client has 127.0.0.2; nginx speaks to us as 127.0.0.1, and to a second nginx as 127.0.0.3. */
const client = '127.0.0.2';
const spoofs = {
  'X-Forwarded-For': '6.6.6.6',
  'X-Forwarded-Proto': 'gopher',
  'X-Forwarded-Host': 'evil',
  'X-Real-IP': '6.6.6.6',
  X_Forwarded_For: '6.6.6.6',
  Forwarded: 'for=6.6.6.6;host=evil',
};

const append = `
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;`;

/** One nginx before one app, on a port of its own: what it sends is `headers`. */
async function behind(
  app: string | AsyncApp,
  options: ServeOptions,
  headers: string,
): Promise<{ url: string } & AsyncDisposable> {
  const served = await serve(app, { ...quiet, ...options });
  const kept = /Connection/.test(headers) ? '' : 'proxy_set_header Connection "";';
  const [port] = await freePorts(1);
  const nginx = await Nginx.start(
    () => `upstream app { server ${new URL(served.url).host}; keepalive 4; }
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://app; proxy_http_version 1.1; ${kept} ${headers} } }`,
  );
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await nginx[Symbol.asyncDispose]();
      await served.close(0);
    },
  };
}

describe.skipIf(!existsSync(nginxPath) || process.platform !== 'linux')('nginx', () => {
  test.each(['sync', 'async'] as const)(
    'appends to X-Forwarded-For: a %s app sees the client',
    async (kind) => {
      await using it = await behind(`${apps}:${kind}`, { trustedProxies: ['127.0.0.1'] }, append);
      const { status, text } = await ask(`${it.url}/reflect`, spoofs);
      expect(status).toBe(200);
      const seen = JSON.parse(text);
      if (kind === 'sync') {
        expect(seen).toMatchObject({
          REMOTE_ADDR: client,
          'wsgi.url_scheme': 'http',
          HTTP_HOST: new URL(it.url).host,
          HTTP_X_FORWARDED_FOR: `6.6.6.6, ${client}`,
        });
        expect(seen).not.toHaveProperty('HTTP_X_FORWARDED_HOST');
        expect(seen).not.toHaveProperty('HTTP_FORWARDED');
      } else {
        expect(seen).toMatchObject({ client: [client, 0], scheme: 'http' });
        const names = seen.headers.map(([name]: [string]) => name);
        expect(names).not.toContain('x-forwarded-host');
        expect(names).not.toContain('forwarded');
      }
    },
  );

  test('that is not trusted is the client, and nothing that it forwards is left', async () => {
    await using it = await behind(`${apps}:sync`, { trustedProxies: ['192.0.2.1'] }, append);
    const seen = JSON.parse((await ask(`${it.url}/reflect`, spoofs)).text);
    expect(seen.REMOTE_ADDR).toBe('127.0.0.1');
    expect(Object.keys(seen).filter((key) => /FORWARDED|REAL_IP/.test(key))).toEqual([]);
  });

  test('that overwrites host and port is believed in both', async () => {
    const headers = `proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host a.example; proxy_set_header X-Forwarded-Port 8443;`;
    const options = { trustedProxies: ['127.0.0.1'], forwardedHost: true };
    await using it = await behind(`${apps}:sync`, options, headers);
    expect(JSON.parse((await ask(`${it.url}/reflect`, spoofs)).text)).toMatchObject({
      REMOTE_ADDR: client,
      HTTP_HOST: 'a.example',
      SERVER_NAME: 'a.example',
      SERVER_PORT: '8443',
      HTTPS: 'on',
    });
  });

  test.each<[number, ServeOptions]>([
    [0, {}],
    [1, { forwardedHeaders: 'forwarded' }],
  ])('configured as the guide says, block %d', async (at, options) => {
    await using served = await serve(`${apps}:async`, {
      ...quiet,
      ...options,
      trustedProxies: ['127.0.0.1'],
    });
    const guide = readFileSync(new URL('../../docs/guide/serve.md', import.meta.url), 'utf8');
    const block = [...guide.matchAll(/```nginx\n([\s\S]*?)```/g)][at]?.[1] ?? '';
    const [port] = await freePorts(1);
    const config = block.replace('listen 80;', `listen 127.0.0.1:${port};`);
    await using _ = await Nginx.start(() => config.replace('127.0.0.1:8000', new URL(served.url).host));
    const {
      client: seen,
      scheme,
      headers,
    } = JSON.parse((await ask(`http://127.0.0.1:${port}/reflect`, spoofs)).text);
    expect([seen, scheme]).toEqual([[client, 0], 'http']);
    const written = headers.filter(([name]: [string]) => /^x-forwarded|^forwarded/.test(name));
    expect(Object.fromEntries(written)).toEqual(
      at === 0
        ? { 'x-forwarded-for': `6.6.6.6, ${client}`, 'x-forwarded-proto': 'http' }
        : { forwarded: `for=${client};host="127.0.0.1";proto=http` },
    );
  });

  test('keeps its connection: each request on it has its own client', async () => {
    await using it = await behind(`${apps}:async`, { trustedProxies: ['127.0.0.1'] }, append);
    const clients: string[] = [];
    for (const localAddress of ['127.0.0.2', '127.0.0.4', '127.0.0.2']) {
      const { text } = await ask(`${it.url}/reflect`, {}, { localAddress });
      clients.push(JSON.parse(text).client[0]);
    }
    expect(clients).toEqual(['127.0.0.2', '127.0.0.4', '127.0.0.2']);
  });

  test('two in a row: by address, and by number', async () => {
    for (const options of [
      { trustedProxies: ['127.0.0.1', '127.0.0.3'] },
      { trustedProxies: ['*'], trustedHops: 2 },
    ]) {
      await using served = await serve(`${apps}:async`, { ...quiet, ...options });
      const [outer, inner] = await freePorts(2);
      await using _ = await Nginx.start(
        () => `server { listen 127.0.0.1:${outer}; location / { proxy_bind 127.0.0.3;
          proxy_pass http://127.0.0.1:${inner}; ${append} } }
        server { listen 127.0.0.1:${inner}; location / { proxy_pass ${served.url};
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }`,
      );
      const { text } = await ask(`http://127.0.0.1:${outer}/reflect`, spoofs);
      expect(JSON.parse(text)).toMatchObject({ client: [client, 0], scheme: 'http' });
    }
  });

  test('by unix sockets, on both of its sides', async () => {
    const [port] = await freePorts(1);
    await using nginx = await Nginx.start(
      (folder) => `upstream app { server unix:${folder}/app.sock; }
        server { listen 127.0.0.1:${port}; listen unix:${folder}/nginx.sock;
        location / { proxy_pass http://app; ${append} } }`,
    );
    const bind = `unix:${join(nginx.folder, 'app.sock')}`;
    await using _ = await serve(`${apps}:async`, { ...quiet, bind, trustedProxies: ['unix'] });
    const seen = async (...asked: Parameters<typeof ask>): Promise<unknown> =>
      JSON.parse((await ask(...asked)).text).client;
    expect(await seen(`http://127.0.0.1:${port}/reflect`, spoofs)).toEqual([client, 0]);
    const socketPath = join(nginx.folder, 'nginx.sock');
    expect(await seen('http://localhost/reflect', {}, { socketPath })).toBeNull();
  });

  test('a WebSocket is wss where it says so', async () => {
    const scopes: unknown[] = [];
    const app: AsyncApp = async (scope, receive, send) => {
      if (scope.type !== 'websocket') return;
      scopes.push(scope.scheme, scope.client);
      await receive();
      await send({ type: 'websocket.accept' });
      await send({ type: 'websocket.close' });
    };
    const headers = `proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto https;`;
    const options = { trustedProxies: ['127.0.0.1'], lifespan: 'off' } as const;
    await using it = await behind(app, options, headers);
    const socket = new WebSocket(it.url.replace('http', 'ws'), { localAddress: client });
    await new Promise((resolve, reject) => {
      socket.once('close', resolve);
      socket.once('error', reject);
    });
    expect(scopes).toEqual(['wss', [client, 0]]);
  });

  test('the access log of the command names the client', async () => {
    const command = new Command([
      'serve',
      `${apps}:async`,
      '--bind',
      ':0',
      '--forwarded-allow-ips',
      '127.0.0.1',
    ]);
    await using _ = command;
    const app = await command.listening();
    const [port] = await freePorts(1);
    await using __ = await Nginx.start(
      () => `server { listen 127.0.0.1:${port}; location / { proxy_pass ${app}; ${append} } }`,
    );
    expect((await ask(`http://127.0.0.1:${port}/reflect`)).status).toBe(200);
    await command.said('stdout', /^127\.0\.0\.2 - - \[.* "GET \/reflect HTTP\/1\.0" 200 /m);
  });
});
