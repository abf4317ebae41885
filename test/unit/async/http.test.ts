import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';

import { expect, test } from 'vitest';

import type { AsyncApp, HttpScope, ReceiveEvent, Send, SendEvent } from '../../../src/async/interface.ts';
import { deferred } from '../../../src/core/deferred.ts';
import { ContractError, Disconnected } from '../../../src/core/errors.ts';
import { sending, served } from './served.ts';

const text = (words: string): Uint8Array => Buffer.from(words);
const start: SendEvent<'http'> = {
  type: 'http.response.start',
  status: 200,
  headers: [['content-type', 'text/plain']],
};
const get = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

/** An app for http scopes alone. */
function http(app: AsyncApp<'http'>): AsyncApp {
  return async (scope, receive, send) => {
    if (scope.type !== 'http') throw new ContractError('A-04', `This app does not speak "${scope.type}"`);
    // The scope says that these are the events of http.
    await app(scope, receive as never, send);
  };
}

async function greet(send: Send<'http'>): Promise<void> {
  await send(start);
  await send({ type: 'http.response.body', body: text('hello') });
}
const hello = http(async (_scope, _receive, send) => greet(send));

test('[A-01] the app is called once for each request, with scope, receive and send', async () => {
  const calls: unknown[][] = [];
  await using server = await served(async (...args) => {
    calls.push(args);
    await hello(...args);
  });
  for (let round = 0; round < 2; round++) {
    const answer = await fetch(new URL('/a?b=c', server.url));
    expect(await answer.text()).toBe('hello');
  }
  expect(calls.map((args) => args.length)).toEqual([3, 3]);
  const scope = calls[0]?.[0] as HttpScope;
  expect(scope).toMatchObject({
    type: 'http',
    method: 'GET',
    path: '/a',
    query_string: 'b=c',
    scheme: 'http',
  });
});

test('[A-04] an app that refuses the scope is answered for with 500, and the server lives on', async () => {
  let refuse = true;
  await using server = await served(async (scope, receive, send) => {
    if (refuse) throw new Error(`no ${scope.type}`);
    await hello(scope, receive, send);
  });
  expect((await fetch(server.url)).status).toBe(500);
  refuse = false;
  expect((await fetch(server.url)).status).toBe(200);
});

test('[A-08] an error before the head gives 500, and a log line with request and stack', async () => {
  await using server = await served(
    http(async () => {
      throw new Error('broken app');
    }),
  );
  expect((await fetch(new URL('/where', server.url))).status).toBe(500);
  expect(server.log.troubles).toMatchObject([
    {
      level: 'error',
      fields: { method: 'GET', target: '/where', id: expect.anything(), error: { message: 'broken app' } },
    },
  ]);
});

test('[A-31] an error between start and the first body still gives 500', async () => {
  await using server = await served(
    http(async (_scope, _receive, send) => {
      await send(start);
      throw new Error('broken app');
    }),
  );
  expect((await fetch(server.url)).status).toBe(500);
});

test('[A-08] an error after the first body cuts the connection: the client sees no end', async () => {
  const seen = deferred();
  await using server = await served(
    http(async (_scope, _receive, send) => {
      await send(start);
      await send({ type: 'http.response.body', body: text('half'), more_body: true });
      await seen.promise;
      throw new Error('broken app');
    }),
  );
  await using raw = await sending(server, get);
  await raw.until('half');
  seen.resolve();
  expect((await raw.closed()).rest.toString()).not.toContain('0\r\n\r\n');
  expect(server.log.troubles).toHaveLength(1);
});

test('an error after the answer is logged, and the answer and the connection stay whole', async () => {
  await using server = await served(
    http(async (scope, _receive, send) => {
      await greet(send);
      if (scope.path === '/late') throw new Error('late');
    }),
  );
  await using raw = await sending(server, 'GET /late HTTP/1.1\r\nhost: x\r\n\r\n');
  expect(await raw.answer()).toMatchObject({ text: 'hello', complete: true });
  raw.send(get);
  expect(await raw.answer()).toMatchObject({ text: 'hello', complete: true });
  expect(server.log.troubles).toMatchObject([{ fields: { error: { message: 'late' } } }]);
});

test('[A-30] a body with a length comes without an empty last event', async () => {
  const events: ReceiveEvent[] = [];
  await using server = await served(
    http(async (_scope, receive, send) => {
      for (let more = true; more; ) {
        const event = await receive();
        events.push(event);
        more = event.type === 'http.request' && event.more_body;
      }
      await greet(send);
    }),
  );
  await fetch(server.url, { method: 'POST', body: 'abc' });
  expect(events).toEqual([{ type: 'http.request', body: Buffer.from('abc'), more_body: false }]);
  events.length = 0;
  await fetch(server.url);
  expect(events).toMatchObject([{ type: 'http.request', more_body: false }]);
});

test('[A-30] a chunked body is decoded, piece by piece', async () => {
  let body = '';
  await using server = await served(
    http(async (_scope, receive, send) => {
      for (let more = true; more; ) {
        const event = await receive();
        if (event.type !== 'http.request') throw new Error('gone');
        body += Buffer.from(event.body).toString();
        more = event.more_body;
      }
      await greet(send);
    }),
  );
  await using raw = await sending(
    server,
    'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n',
  );
  await raw.until('hello');
  expect(body).toBe('abcdefg');
});

test("[A-32] the app's transfer-encoding is ignored, and its names go out in lower case", async () => {
  await using server = await served(
    http(async (_scope, _receive, send) => {
      const headers = [
        ['Transfer-Encoding', 'gzip'],
        ['X-Upper', 'Value'],
        ['connection', 'keep-alive'],
      ] as const;
      await send({ type: 'http.response.start', status: 200, headers });
      await send({ type: 'http.response.body', body: text('hello') });
    }),
  );
  await using raw = await sending(server, get);
  const answer = await raw.answer();
  expect(answer.text).toBe('hello');
  expect(answer.headers).toContainEqual(['x-upper', 'Value']);
  expect(answer.all('transfer-encoding')).not.toContain('gzip');
});

test('[A-32] an unsafe header is refused in send, and the app may answer otherwise', async () => {
  let refused: unknown;
  await using server = await served(
    http(async (_scope, _receive, send) => {
      try {
        await send({ ...start, headers: [['x', 'a\r\nset-cookie: b']] });
      } catch (error) {
        refused = error;
      }
      await send({ ...start, status: 202 });
      await send({ type: 'http.response.body' });
    }),
  );
  expect((await fetch(server.url)).status).toBe(202);
  expect(refused).toMatchObject({ clause: 'A-32' });
});

test('[A-33] send waits while the client does not read', async () => {
  let sent = 0;
  const finished = deferred<number>();
  const megabyte = new Uint8Array(1024 * 1024);
  await using server = await served(
    http(async (_scope, _receive, send) => {
      await send(start);
      for (; sent < 64; sent++) await send({ type: 'http.response.body', body: megabyte, more_body: true });
      await send({ type: 'http.response.body' });
      finished.resolve(sent);
    }),
  );
  // Node's client reads of an answer what it is asked for, and no more than its buffer beforehand.
  const request = httpGet(server.url);
  // 'response' comes with an IncomingMessage.
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  await expect.poll(() => sent, { interval: 20 }).toBeGreaterThan(0);
  expect(await steady(() => sent)).toBeLessThan(40); // what the kernel's buffers on both sides hold
  let got = 0;
  for await (const chunk of answer) got += (chunk as Buffer).length;
  expect(got).toBe(64 * megabyte.length);
  expect(await finished.promise).toBe(64);
});

/** The value, once it has not changed for 100 ms. */
async function steady(value: () => number): Promise<number> {
  for (let last = value(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (value() === last) return last;
    last = value();
  }
}

test('[A-33] bodies after the last one are ignored', async () => {
  await using server = await served(
    http(async (_scope, _receive, send) => {
      await greet(send);
      await send({ type: 'http.response.body', body: text('ghost') });
      await send({ type: 'http.response.body', body: text('ghost'), more_body: true });
    }),
  );
  await using raw = await sending(server, get);
  expect(await raw.answer()).toMatchObject({ text: 'hello', complete: true });
  raw.send(get);
  expect(await raw.answer()).toMatchObject({ text: 'hello', complete: true });
  expect(server.log.troubles).toEqual([]);
});

test('each piece is on its way before the next: an event stream arrives as it is sent', async () => {
  const gates = [deferred(), deferred()];
  await using server = await served(
    http(async (_scope, _receive, send) => {
      await send({ ...start, headers: [['content-type', 'text/event-stream']] });
      await send({ type: 'http.response.body', more_body: true });
      for (const [index, gate] of gates.entries()) {
        await gate.promise;
        await send({ type: 'http.response.body', body: text(`data: ${index}\n\n`), more_body: true });
      }
      await send({ type: 'http.response.body' });
    }),
  );
  await using raw = await sending(server, get);
  expect((await raw.head()).get('content-type')).toBe('text/event-stream');
  gates[0]?.resolve();
  expect(await raw.until('data: 0\n\n')).not.toContain('data: 1');
  gates[1]?.resolve();
  await raw.until('data: 1\n\n');
  await raw.until('0\r\n\r\n');
});

test('[A-35] receive gives http.disconnect after the answer, again and again', async () => {
  const after = deferred<string[]>();
  await using server = await served(
    http(async (_scope, receive, send) => {
      await receive();
      await greet(send);
      after.resolve([(await receive()).type, (await receive()).type]);
    }),
  );
  await (await fetch(server.url)).text();
  expect(await after.promise).toEqual(['http.disconnect', 'http.disconnect']);
});

test('[A-35] a receive that waits while the answer is sent ends with it', async () => {
  const waited = deferred<string[]>();
  await using server = await served(
    http(async (_scope, receive, send) => {
      await receive();
      const both = Promise.all([receive(), receive()]);
      await greet(send);
      waited.resolve((await both).map(({ type }) => type));
    }),
  );
  await (await fetch(server.url)).text();
  expect(await waited.promise).toEqual(['http.disconnect', 'http.disconnect']);
});

test('[A-35] a receive that waits for more of the body ends with the answer, too', async () => {
  const waited = deferred<string[]>();
  await using server = await served(
    http(async (_scope, receive, send) => {
      await receive();
      const second = receive();
      await greet(send);
      waited.resolve([(await second).type, (await receive()).type]);
    }),
  );
  await using raw = await sending(server, 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc');
  expect((await raw.answer()).text).toBe('hello');
  expect(await waited.promise).toEqual(['http.disconnect', 'http.disconnect']);
});

test('[A-35] receive gives http.disconnect when the client leaves half way through its body', async () => {
  const events = deferred<string[]>();
  await using server = await served(
    http(async (_scope, receive) => {
      const first = await receive();
      events.resolve([first.type, (await receive()).type, (await receive()).type]);
    }),
  );
  await using raw = await sending(server, 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc');
  await new Promise(setImmediate);
  raw.reset();
  expect(await events.promise).toEqual(['http.request', 'http.disconnect', 'http.disconnect']);
  expect(server.log.troubles).toEqual([]);
});

test('[A-09] what an app throws because its client has gone is not logged', async () => {
  const thrown = deferred<unknown>();
  await using server = await served(
    http(async (scope, receive, send) => {
      await receive();
      await send(start);
      await send({ type: 'http.response.body', body: text('half'), more_body: true });
      await receive();
      // The signal's reason says what happened, and an app's own error may stand around it.
      const { signal } = scope.extensions['dualgate.disconnect'] as { signal: AbortSignal };
      const error = new Error('The poll failed', { cause: signal.reason });
      thrown.resolve(error);
      throw error;
    }),
  );
  await using raw = await sending(server, get);
  await raw.until('half');
  raw.reset();
  expect(await thrown.promise).toMatchObject({ cause: { code: 'DISCONNECTED' } });
  await server.server.close();
  expect(server.log.troubles).toEqual([]);
});

test('[A-36] send throws Disconnected once the client has gone, and nothing is logged', async () => {
  const thrown = deferred<unknown>();
  await using server = await served(
    http(async (_scope, receive, send) => {
      await receive();
      await send(start);
      await send({ type: 'http.response.body', body: text('half'), more_body: true });
      await receive();
      try {
        await send({ type: 'http.response.body', body: text('more'), more_body: true });
      } catch (error) {
        thrown.resolve(error);
        throw error;
      }
    }),
  );
  await using raw = await sending(server, get);
  await raw.until('half');
  raw.reset();
  expect(await thrown.promise).toBeInstanceOf(Disconnected);
  await server.server.close();
  expect(server.log.troubles).toEqual([]);
});

test('a send that nobody waits for does not end the process', async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', listener);
  try {
    const tried = deferred();
    await using server = await served(
      http(async (_scope, receive, send) => {
        await receive();
        send(start);
        send({ type: 'http.response.body', body: text('half'), more_body: true });
        await receive();
        send({ type: 'http.response.body', body: text('more'), more_body: true });
        send({ type: 'nonsense' } as never);
        tried.resolve();
      }),
    );
    await using raw = await sending(server, get);
    await raw.until('half');
    raw.reset();
    await tried.promise;
    await new Promise(setImmediate);
  } finally {
    process.off('unhandledRejection', listener);
  }
  expect(unhandled).toEqual([]);
});

test('[A-37] an app that returns without an answer: 500 and a log line', async () => {
  await using server = await served(http(async () => {}));
  expect((await fetch(server.url)).status).toBe(500);
  expect(server.log.troubles).toMatchObject([{ fields: { error: { clause: 'A-37' } } }]);
});

test('[A-37] an app that returns half way: the connection is cut, and the log says so', async () => {
  const seen = deferred();
  await using server = await served(
    http(async (_scope, _receive, send) => {
      await send(start);
      await send({ type: 'http.response.body', body: text('half'), more_body: true });
      await seen.promise;
    }),
  );
  await using raw = await sending(server, get);
  await raw.until('half');
  seen.resolve();
  expect((await raw.closed()).rest.toString()).not.toContain('0\r\n\r\n');
  expect(server.log.troubles).toMatchObject([{ fields: { error: { clause: 'A-37' } } }]);
});

test('[A-37] the log names the refusal that an app let pass', async () => {
  await using server = await served(
    http(async (_scope, _receive, send) => {
      send({ type: 'http.response.start' } as never);
    }),
  );
  expect((await fetch(server.url)).status).toBe(500);
  expect(server.log.troubles).toMatchObject([{ fields: { error: { cause: { clause: 'A-06' } } } }]);
});

test('[A-38] 100 Continue waits for receive', async () => {
  const gate = deferred();
  await using server = await served(
    http(async (scope, receive, send) => {
      if (scope.path !== '/open') {
        await gate.promise;
        await receive();
      }
      await greet(send);
    }),
  );
  await using raw = await sending(
    server,
    'POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n',
  );
  await fetch(new URL('/open', server.url)); // by now the server has had the time to say it too early
  expect(raw.received).toBe(0);
  gate.resolve();
  expect((await raw.head()).status).toBe(100);
  raw.send('abc');
  expect(await raw.answer()).toMatchObject({ early: [], text: 'hello' });
});

test.each([
  ['more bytes than its Content-Length', '3'],
  ['fewer bytes than its Content-Length', '9'],
  ['a Content-Length that is no number', '5, 5'],
])('[A-38] %s: send refuses', async (_, length) => {
  let refused: unknown;
  await using server = await served(
    http(async (_scope, _receive, send) => {
      try {
        await send({ ...start, headers: [['content-length', length]] });
        await send({ type: 'http.response.body', body: text('hello') });
      } catch (error) {
        refused = error;
        throw error;
      }
    }),
  );
  const answer = await fetch(server.url);
  expect(answer.status).toBe(500); // nothing had been sent yet
  expect(refused).toMatchObject({ clause: 'A-38' });
});

test('the server says the length of a body in one piece, and chunks what comes in more', async () => {
  const large = new Uint8Array(100_000);
  await using server = await served(
    http(async (scope, _receive, send) => {
      await send(start);
      if (scope.path === '/many') await send({ type: 'http.response.body', body: large, more_body: true });
      await send({ type: 'http.response.body', body: large });
    }),
  );
  await using raw = await sending(server, get);
  expect(await raw.answer()).toMatchObject({ framing: 'length', complete: true });
  raw.send(get.replace('/', '/many'));
  const answer = await raw.answer();
  expect([answer.framing, answer.body.length]).toEqual(['chunked', 200_000]);
});

test('a large body in one piece arrives whole, while other answers wait behind it', async () => {
  const large = Buffer.alloc(3_000_000, 'x');
  await using server = await served(
    http(async (_scope, _receive, send) => {
      send(start);
      send({ type: 'http.response.body', body: large }); // nobody waits, and it arrives all the same
    }),
  );
  await using raw = await sending(server, get + get);
  for (let round = 0; round < 2; round++)
    expect(await raw.answer()).toMatchObject({
      framing: 'length',
      complete: true,
      body: { length: large.length },
    });
  expect(server.log.troubles).toEqual([]);
});

test('a HEAD keeps the Content-Length and sends no body', async () => {
  await using server = await served(
    http(async (_scope, _receive, send) => {
      await send({ ...start, headers: [['content-length', '5']] });
      await send({ type: 'http.response.body', body: text('hello') });
    }),
  );
  const answer = await fetch(server.url, { method: 'HEAD' });
  expect(answer.headers.get('content-length')).toBe('5');
  expect(await answer.text()).toBe('');
  expect(server.log.troubles).toEqual([]);
});

test('a body that is too large, and an app that lets the error pass: 413', async () => {
  await using server = await served(
    http(async (_scope, receive) => {
      for (;;) await receive();
    }),
    { limits: { maxBody: 10 } },
  );
  await using raw = await sending(
    server,
    'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n',
  );
  expect((await raw.answer()).status).toBe(413);
});
