import { expect, test } from 'vitest';

import type { AsyncApp, ReceiveEvent, SendEvent } from '../../../src/async/interface.ts';
import { deferred } from '../../../src/core/deferred.ts';
import { Disconnected } from '../../../src/core/errors.ts';
import { WsClient } from '../../support/ws-client.ts';
import { sending, served } from './served.ts';

/** An app for websocket scopes alone. */
function sockets(app: AsyncApp<'websocket'>): AsyncApp {
  return async (scope, receive, send) => {
    // The scope says that these are the events of websocket.
    if (scope.type === 'websocket') await app(scope, receive as never, send);
  };
}

const accept: SendEvent<'websocket'> = { type: 'websocket.accept' };

const echo = sockets(async (_scope, receive, send) => {
  await receive();
  await send(accept);
  for (;;) {
    const event = await receive();
    if (event.type !== 'websocket.receive') return;
    if (event.text !== undefined) await send({ type: 'websocket.send', text: event.text });
    else await send({ type: 'websocket.send', bytes: event.bytes });
  }
});

/** An app that accepts, and then gives what it receives up to the disconnect. */
function listener(): { app: AsyncApp; heard: Promise<ReceiveEvent<'websocket'>[]> } {
  const { promise, resolve } = deferred<ReceiveEvent<'websocket'>[]>();
  const app = sockets(async (_scope, receive, send) => {
    const events: ReceiveEvent<'websocket'>[] = [await receive()];
    await send(accept);
    for (;;) {
      const event = await receive();
      events.push(event);
      if (event.type === 'websocket.disconnect') return resolve(events);
    }
  });
  return { app, heard: promise };
}

function handshake(...lines: string[]): string {
  return [
    'GET /chat HTTP/1.1',
    'host: x',
    'upgrade: websocket',
    'connection: Upgrade',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version: 13',
    ...lines,
    '',
    '',
  ].join('\r\n');
}

test('[A-54] text comes back as text and bytes as bytes', async () => {
  await using server = await served(echo);
  await using client = await WsClient.open(server.url);
  client.send('grüße');
  client.send(Buffer.from([0, 255]));
  client.send('');
  expect([await client.next(), await client.next(), await client.next()]).toEqual([
    'grüße',
    Buffer.from([0, 255]),
    '',
  ]);
});

test('[A-54] fragments arrive as one message', async () => {
  const { app, heard } = listener();
  await using server = await served(app);
  await using client = await WsClient.open(server.url);
  client.fragments('a', 'b', 'c');
  client.socket.close(1000);
  expect(await heard).toMatchObject([
    { type: 'websocket.connect' },
    { type: 'websocket.receive', text: 'abc' },
    { type: 'websocket.disconnect' },
  ]);
});

test('[A-51] websocket.connect comes first, and nothing is answered before accept', async () => {
  const gate = deferred();
  const first = deferred<ReceiveEvent>();
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      first.resolve(await receive());
      await gate.promise;
      await send(accept);
      await receive();
    }),
  );
  await using raw = await sending(server, handshake());
  expect(await first.promise).toEqual({ type: 'websocket.connect' });
  expect(raw.received).toBe(0);
  gate.resolve();
  const head = await raw.head();
  expect([head.status, head.get('sec-websocket-accept')]).toEqual([101, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
});

test('a frame that came with the handshake is not lost', async () => {
  const { app, heard } = listener();
  await using server = await served(app);
  const frames = '\x81\x82\0\0\0\0hi' + '\x88\x82\0\0\0\0\x03\xe8'; // "hi", then close with 1000
  await using raw = await sending(server, handshake() + frames);
  await raw.head();
  raw.end();
  expect(await heard).toMatchObject([{}, { text: 'hi' }, { code: 1000 }]);
});

test('[A-52] accept chooses a subprotocol and adds headers', async () => {
  await using server = await served(
    sockets(async (scope, receive, send) => {
      await receive();
      const [, second] = scope.subprotocols;
      const headers = [
        ['Set-Cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['x-city', 'K\u00c3\u00b6ln'],
      ] as const;
      await send({ ...accept, ...(second && { subprotocol: second }), headers });
      await receive();
    }),
  );
  await using client = await WsClient.open(server.url, ['v1', 'v2']);
  expect(client.protocol).toBe('v2');
  expect(client.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  expect(client.headers['x-city']).toBe('K\u00c3\u00b6ln');
});

test('[A-52] a subprotocol that the client has not offered is refused, and the app may accept without', async () => {
  const refused = deferred<unknown>();
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send({ ...accept, subprotocol: 'v9' }).catch(refused.resolve);
      await send(accept);
      await receive();
    }),
  );
  await using client = await WsClient.open(server.url);
  expect(await refused.promise).toMatchObject({ clause: 'A-52', message: expect.stringContaining('"v9"') });
  expect(client.protocol).toBe('');
});

test('[A-52] a header that cannot be sent leaves the handshake to be answered otherwise', async () => {
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send({ ...accept, headers: [['x', '\u00ff']] }).catch(() => {});
      await send({ type: 'websocket.close' });
    }),
  );
  expect((await WsClient.denied(server.url)).status).toBe(403);
});

test('[A-53] close before accept answers 403', async () => {
  const after = deferred<ReceiveEvent>();
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send({ type: 'websocket.close' });
      after.resolve(await receive());
    }),
  );
  expect((await WsClient.denied(server.url)).status).toBe(403);
  expect(await after.promise).toMatchObject({ type: 'websocket.disconnect', code: 1006 });
  expect(server.log.troubles).toEqual([]);
});

test('[A-80] a denial answers with status, headers and body of the app', async () => {
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      const headers = [['x-why', 'full']] as const;
      await send({ type: 'websocket.http.response.start', status: 429, headers });
      await send({ type: 'websocket.http.response.body', body: Buffer.from('come '), more_body: true });
      await send({ type: 'websocket.http.response.body', body: Buffer.from('later') });
    }),
  );
  expect(await WsClient.denied(server.url)).toMatchObject({
    status: 429,
    headers: { 'x-why': 'full' },
    body: 'come later',
  });
  expect(server.log.troubles).toEqual([]);
});

test('[A-57] the disconnect has code and reason of the client', async () => {
  const { app, heard } = listener();
  await using server = await served(app);
  await using client = await WsClient.open(server.url);
  client.socket.close(4001, 'bored');
  expect((await heard).at(-1)).toEqual({ type: 'websocket.disconnect', code: 4001, reason: 'bored' });
});

test('[A-57] 1005 where the close frame has no code, 1006 where there is no close frame', async () => {
  const calm = listener();
  await using first = await served(calm.app);
  await using client = await WsClient.open(first.url);
  client.socket.close();
  expect((await calm.heard).at(-1)).toMatchObject({ code: 1005, reason: '' });

  const cut = listener();
  await using second = await served(cut.app);
  await using other = await WsClient.open(second.url);
  other.socket.terminate();
  expect((await cut.heard).at(-1)).toMatchObject({ code: 1006, reason: '' });
});

test('[A-57] after the disconnect send throws, close does nothing, and nothing is logged', async () => {
  const thrown = deferred<unknown>();
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send(accept);
      await receive();
      await send({ type: 'websocket.close' });
      try {
        await send({ type: 'websocket.send', text: 'late' });
      } catch (error) {
        thrown.resolve(error);
        throw error;
      }
    }),
  );
  await using client = await WsClient.open(server.url);
  client.socket.terminate();
  expect(await thrown.promise).toBeInstanceOf(Disconnected);
  await server.server.close();
  expect(server.log.troubles).toEqual([]);
});

test('[A-57] a client that leaves before accept: 1006, and accept throws', async () => {
  const connected = deferred();
  const heard = deferred<ReceiveEvent>();
  const thrown = deferred<unknown>();
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      connected.resolve();
      heard.resolve(await receive());
      await send(accept).catch(thrown.resolve);
    }),
  );
  await using raw = await sending(server, handshake());
  await connected.promise;
  raw.reset();
  expect(await heard.promise).toMatchObject({ type: 'websocket.disconnect', code: 1006 });
  expect(await thrown.promise).toBeInstanceOf(Disconnected);
  await server.server.close();
  expect(server.log.troubles).toEqual([]);
});

test.each([
  [{}, { code: 1000, reason: '' }],
  [
    { code: 4000, reason: 'grüße' },
    { code: 4000, reason: 'grüße' },
  ],
])('[A-58] close %j reaches the client as %j', async (given, expected) => {
  const after = deferred<ReceiveEvent>();
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send(accept);
      await send({ type: 'websocket.close', ...given });
      after.resolve(await receive());
    }),
  );
  await using client = await WsClient.open(server.url);
  expect(await client.closed()).toEqual(expected);
  expect(await after.promise).toEqual({ type: 'websocket.disconnect', ...expected });
});

test('[A-59] an app that returns closes with 1000', async () => {
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send(accept);
      await send({ type: 'websocket.send', text: 'bye' });
    }),
  );
  await using client = await WsClient.open(server.url);
  expect(await client.next()).toBe('bye');
  expect(await client.closed()).toEqual({ code: 1000, reason: '' });
  expect(server.log.troubles).toEqual([]);
});

test('[A-59] an app that throws closes with 1011, and the log has its stack', async () => {
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send(accept);
      throw new Error('broken app');
    }),
  );
  await using client = await WsClient.open(server.url);
  expect(await client.closed()).toEqual({ code: 1011, reason: '' });
  expect(server.log.troubles).toMatchObject([{ fields: { target: '/', error: { message: 'broken app' } } }]);
});

test('[A-08] an app that throws before accept answers 500', async () => {
  await using server = await served(
    sockets(async () => {
      throw new Error('broken app');
    }),
  );
  expect((await WsClient.denied(server.url)).status).toBe(500);
  expect(server.log.troubles).toHaveLength(1);
});

test('[A-37] an app that returns without an answer to the handshake: 500 and a log line', async () => {
  await using server = await served(sockets(async () => {}));
  expect((await WsClient.denied(server.url)).status).toBe(500);
  expect(server.log.troubles).toMatchObject([{ fields: { error: { clause: 'A-37' } } }]);
});

test('[A-60] send waits for a slow peer', async () => {
  let sent = 0;
  const message = new Uint8Array(256 * 1024);
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send(accept);
      for (; sent < 256; sent++) await send({ type: 'websocket.send', bytes: message });
    }),
  );
  await using client = await WsClient.open(server.url);
  client.socket.pause();
  await expect.poll(() => sent, { interval: 20 }).toBeGreaterThan(0);
  expect(await steady(() => sent)).toBeLessThan(160); // 64 MiB in all; the kernel holds some of it
  client.socket.resume();
  expect((await client.closed()).code).toBe(1000);
  expect(sent).toBe(256);
});

test('[A-09] a send that waits when the client goes throws Disconnected, which is not logged', async () => {
  const thrown = deferred<unknown>();
  let sent = 0;
  const message = new Uint8Array(1024 * 1024);
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send(accept);
      try {
        for (; sent < 200; sent++) await send({ type: 'websocket.send', bytes: message });
      } catch (error) {
        thrown.resolve(error);
        throw error;
      }
    }),
  );
  await using client = await WsClient.open(server.url);
  client.socket.pause();
  await steady(() => sent);
  client.socket.terminate();
  expect(await thrown.promise).toBeInstanceOf(Disconnected);
  await server.server.close();
  expect(server.log.troubles).toEqual([]);
});

test('[A-61] the socket is paused while the app does not receive, and every message arrives in the end', async () => {
  const gate = deferred();
  const all = deferred<number>();
  const count = 400;
  await using server = await served(
    sockets(async (_scope, receive, send) => {
      await receive();
      await send(accept);
      await gate.promise;
      let got = 0;
      for (let event = await receive(); event.type === 'websocket.receive'; event = await receive()) got++;
      all.resolve(got);
    }),
  );
  await using client = await WsClient.open(server.url);
  const message = new Uint8Array(128 * 1024); // 50 MiB in all: more than the kernel's buffers hold
  for (let index = 0; index < count; index++) client.send(message);
  client.socket.close(1000);
  await steady(() => client.socket.bufferedAmount);
  expect(client.socket.bufferedAmount).toBeGreaterThan(16 * 1024 * 1024);
  gate.resolve();
  expect(await all.promise).toBe(count);
});

/** The value, once it has not changed for 100 ms. */
async function steady(value: () => number): Promise<number> {
  for (let last = value(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (value() === last) return last;
    last = value();
  }
}

test('a message that is too large closes with 1009, and the app hears of it', async () => {
  const { app, heard } = listener();
  await using server = await served(app, { websocket: { maxMessage: 1000 } });
  await using client = await WsClient.open(server.url);
  client.send('x'.repeat(1001));
  expect((await client.closed()).code).toBe(1009);
  expect((await heard).at(-1)).toMatchObject({ type: 'websocket.disconnect', code: 1009 });
});

test('dualgate.disconnect aborts when the client leaves, and not when the app closes', async () => {
  const reasons = deferred<unknown>();
  const signals: AbortSignal[] = [];
  await using server = await served(
    sockets(async (scope, receive, send) => {
      const { signal } = scope.extensions['dualgate.disconnect'] as { signal: AbortSignal };
      signals.push(signal);
      await receive();
      await send(accept);
      if (scope.path === '/close') return;
      signal.addEventListener('abort', () => reasons.resolve(signal.reason));
      await reasons.promise;
    }),
  );
  await using first = await WsClient.open(new URL('/close', server.url));
  expect((await first.closed()).code).toBe(1000);
  await using second = await WsClient.open(server.url);
  second.socket.terminate();
  expect(await reasons.promise).toBeInstanceOf(Disconnected);
  expect(signals.map((signal) => signal.aborted)).toEqual([false, true]);
});

test.each([
  ['sec-websocket-version: 13', 'sec-websocket-version: 8', 426],
  ['sec-websocket-version: 13\r\n', '', 426],
  ['dGhlIHNhbXBsZSBub25jZQ==', 'short', 400],
  ['sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n', '', 400],
  ['host: x', 'host: x\r\nsec-websocket-protocol: a, a', 400],
])('a handshake with %j as %j is answered with %i, and the app is not called', async (good, bad, status) => {
  let called = false;
  await using server = await served(async () => {
    called = true;
  });
  await using raw = await sending(server, handshake().replace(good, bad));
  const answer = await raw.answer();
  expect(answer.status).toBe(status);
  expect(answer.get('sec-websocket-version')).toBe('13');
  expect(called).toBe(false);
});
