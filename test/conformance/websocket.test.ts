// WebSockets: the handshake, messages, the end of them, and who waits for whom.
import { setTimeout as delay } from 'node:timers/promises';

import { once } from '../support/raw-client.ts';
import type { Report } from '../support/report.ts';
import { WsClient } from '../support/ws-client.ts';
import { area, conformance, type Context } from './matrix.ts';

const handshake = [
  'host: gate.test',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
];

function at({ url, path }: Context, mode: string, query: Record<string, string | number> = {}): URL {
  return new URL(path(mode, query), url);
}

/** The latest count, once it has stopped growing: a stall has no event of its own. */
async function stalled(report: Report): Promise<number> {
  const latest = () => Number(report.notes('taken').at(-1)?.['count'] ?? 0);
  let before = -1;
  for (let still = 0; still < 6; ) {
    await delay(40);
    const count = latest();
    still = count === before && count > 0 ? still + 1 : 0;
    before = count;
  }
  return before;
}

area('websocket', () => {
  conformance('websocket', 'socket', '[A-50] the scope of a socket', async (context) => {
    const { expect, url } = context;
    await using client = await WsClient.open(at(context, 'reflect', { x: 'a b' }), [], {
      headers: { 'sec-websocket-protocol': 'chat,  super-chat' }, // ws by itself insists on a choice
    });
    const { scope, first } = JSON.parse(String(await client.next()));
    expect(first).toEqual({ type: 'websocket.connect' });
    expect(scope).toMatchObject({
      type: 'websocket',
      scheme: 'ws',
      http_version: '1.1',
      path: '/socket/reflect',
      raw_path: '/socket/reflect',
      root_path: '',
      subprotocols: ['chat', 'super-chat'],
      server: ['127.0.0.1', Number(url.port)],
      client: ['127.0.0.1', expect.any(Number)],
    });
    expect(scope.query_string).toMatch(/^x=a%20b&/);
    expect(scope.headers).toContainEqual(['upgrade', 'websocket']);
  });

  conformance('websocket', 'socket', '[A-51] nothing is answered before accept', async (context) => {
    const { expect, raw, path, report } = context;
    const client = await raw();
    client.request(`GET ${path('gated')} HTTP/1.1`, ...handshake);
    expect((await report.first('first'))['type']).toBe('websocket.connect');
    expect(client.received).toBe(0);
    report.open('go');
    const head = await client.head();
    expect(head.status).toBe(101);
    expect(head.get('sec-websocket-accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    expect((await client.bytes(10)).toString('latin1')).toBe('\u0081\u0008accepted');
  });

  conformance(
    'websocket',
    'socket',
    '[A-51] events at the wrong time or of the wrong form are refused',
    async (context) => {
      await using client = await WsClient.open(at(context, 'wrong'));
      const refused = JSON.parse(String(await client.next())) as string[];
      context.expect(refused).toEqual(['A-51', 'A-54', 'A-54', 'A-06', 'A-58', 'A-52', 'A-06']);
    },
  );

  conformance(
    'websocket',
    'socket',
    '[A-52] accept chooses a subprotocol and adds headers',
    async (context) => {
      const { expect } = context;
      await using client = await WsClient.open(at(context, 'choose', { choice: 'b' }), ['a', 'b']);
      expect(client.protocol).toBe('b');
      expect(client.headers['x-chosen']).toBe('yes');
      expect(client.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    },
  );

  conformance('websocket', 'socket', '[A-52] the subprotocol is no header of the app', async (context) => {
    const { expect, report } = context;
    await WsClient.denied(at(context, 'smuggle'), ['mine']);
    expect((await report.first('refused'))['clause']).toBe('A-52');
  });

  conformance('websocket', 'socket', '[A-53] close before accept is a 403', async (context) => {
    const denied = await WsClient.denied(at(context, 'refuse'));
    context.expect(denied.status).toBe(403);
  });

  conformance('websocket', 'socket', '[A-80] an answer of its own denies the handshake', async (context) => {
    const denied = await WsClient.denied(at(context, 'deny'));
    context.expect(denied).toMatchObject({ status: 429, body: 'too many' });
    context.expect(denied.headers['x-denied']).toBe('yes');
  });

  conformance('websocket', 'socket', '[A-54] text is text and bytes are bytes', async (context) => {
    const { expect } = context;
    await using client = await WsClient.open(at(context, 'echo'));
    for (const message of ['hello', '', 'h\u00e9llo \u20ac \u{1f600}', 'x'.repeat(200_000)]) {
      client.send(message);
      expect(await client.next()).toBe(message);
    }
    for (const message of [Buffer.from([0, 255, 128]), Buffer.alloc(0), Buffer.alloc(300_000, 7)]) {
      client.send(message);
      expect(Buffer.from(message).equals((await client.next()) as Buffer)).toBe(true);
    }
  });

  conformance('websocket', 'socket', '[A-54] fragments are one message', async (context) => {
    const { expect } = context;
    await using client = await WsClient.open(at(context, 'reflect'));
    await client.next();
    client.fragments('one ', 'two ', 'three');
    expect(JSON.parse(String(await client.next()))).toEqual({
      type: 'websocket.receive',
      text: 'one two three',
    });
    client.send(Buffer.alloc(5));
    const binary = JSON.parse(String(await client.next()));
    expect(binary).toEqual({ type: 'websocket.receive', bytes: 5, isBytes: true });
  });

  conformance('websocket', 'socket', '[A-54] messages keep their order', async (context) => {
    await using client = await WsClient.open(at(context, 'echo'));
    for (let index = 0; index < 500; index += 1) client.send(`message ${index}`);
    for (let index = 0; index < 500; index += 1) context.expect(await client.next()).toBe(`message ${index}`);
  });

  conformance('websocket', 'socket', '[A-56] a ping is answered', async (context) => {
    await using client = await WsClient.open(at(context, 'echo'));
    client.socket.ping('are you there?');
    await client.pong();
    context.expect(client.pongs).toBe(1);
  });

  const ends: [how: string, code: number | undefined, reason: string, seen: number][] = [
    ['a code', 4321, 'enough', 4321],
    ['the usual code', 1000, '', 1000],
    ['no code', undefined, '', 1005],
  ];
  for (const [how, code, reason, seen] of ends) {
    conformance('websocket', 'socket', `[A-57] the app hears of the end (${how})`, async (context) => {
      const { expect, report } = context;
      await using client = await WsClient.open(at(context, 'echo'));
      client.socket.close(code, reason);
      expect(await report.first('disconnect')).toMatchObject({ code: seen, reason });
    });
  }

  conformance('websocket', 'socket', '[A-57] the app hears of a connection that breaks', async (context) => {
    const { expect, report } = context;
    await using client = await WsClient.open(at(context, 'echo'));
    client.socket.terminate();
    expect(await report.first('disconnect')).toMatchObject({ code: expect.any(Number) });
    expect([1005, 1006]).toContain(report.notes('disconnect')[0]?.['code']);
  });

  conformance(
    'websocket',
    'socket',
    '[A-57] behind the end: disconnect again, and send throws',
    async (context) => {
      const { expect, report, log } = context;
      await using client = await WsClient.open(at(context, 'stubborn'));
      client.send('a message');
      client.socket.close(4000, 'gone');
      const { events } = (await report.first('received')) as unknown as {
        events: { type: string; code?: number }[];
      };
      expect(events.map(({ type }) => type)).toEqual([
        'websocket.receive',
        'websocket.disconnect',
        'websocket.disconnect',
      ]);
      expect(events[2]?.code).toBe(4000);
      expect((await report.first('threw'))['code']).toBe('DISCONNECTED');
      await report.first('over');
      expect(log.troubles).toEqual([]);
    },
  );

  const closes: [word: string, code: number, reason: string][] = [
    ['close', 1000, ''],
    ['close 4001', 4001, 'asked for'],
  ];
  for (const [word, code, reason] of closes) {
    conformance(
      'websocket',
      'socket',
      `[A-58] code and reason reach the client (${word})`,
      async (context) => {
        await using client = await WsClient.open(at(context, 'echo'));
        client.send(word);
        context.expect(await client.closed()).toEqual({ code, reason });
      },
    );
  }

  conformance('websocket', 'socket', '[A-59] an app that returns closes with 1000', async (context) => {
    await using client = await WsClient.open(at(context, 'echo'));
    client.send('return');
    context.expect((await client.closed()).code).toBe(1000);
  });

  conformance(
    'websocket',
    'socket',
    '[A-59] an app that throws closes with 1011, and is logged',
    async (context) => {
      const { expect, log } = context;
      await using client = await WsClient.open(at(context, 'echo'));
      client.send('throw');
      const { code, reason } = await client.closed();
      expect(code).toBe(1011);
      expect(reason).not.toContain('secret');
      await log.until('secret-socket');
    },
  );

  conformance(
    'websocket',
    'socket',
    '[A-59] before accept: 500 for a throw, 403 or 500 for a return',
    async (context) => {
      const { expect, log } = context;
      expect((await WsClient.denied(at(context, 'throw-first'))).status).toBe(500);
      await log.until('secret-handshake');
      expect([403, 500]).toContain((await WsClient.denied(at(context, 'return-first'))).status);
    },
  );

  conformance('websocket', 'socket', '[A-60] send waits for a slow peer', async (context) => {
    const { expect, report } = context;
    await using client = await WsClient.open(at(context, 'flood'));
    await client.next();
    client.socket.pause();
    const count = await stalled(report);
    expect(count * 65536).toBeLessThan(32 << 20);
    client.socket.resume();
    await report.until((notes) => notes.find((note) => Number(note['count']) > count + 64), 'progress');
    client.socket.terminate();
    await report.first('over');
    expect(report.notes('threw')[0]?.['code']).toBe('DISCONNECTED');
  });

  conformance('websocket', 'socket', '[A-61] what nobody receives stays with the sender', async (context) => {
    const { expect, report } = context;
    const count = 768;
    await using client = await WsClient.open(at(context, 'deaf', { count }));
    for (let index = 0; index < count; index += 1) client.send(Buffer.alloc(65536, index % 256));
    let before = -1;
    for (let still = 0; still < 6; ) {
      await delay(40);
      still = client.socket.bufferedAmount === before ? still + 1 : 0;
      before = client.socket.bufferedAmount;
    }
    // 48 MiB were sent; kernel buffers take some megabytes, and the server's queue one.
    expect(before).toBeGreaterThan(16 << 20);
    report.open('listen');
    expect(JSON.parse(String(await client.next()))).toEqual({ bytes: count * 65536, inOrder: true });
  });

  conformance(
    'websocket',
    'socket',
    'a server that closes says 1012 to its sockets',
    async ({ start, path, report, expect }) => {
      const server = await start();
      await using client = await WsClient.open(new URL(path('echo'), server.url));
      client.send('hello');
      await client.next();
      const closing = server.close(500);
      expect([1001, 1012]).toContain((await client.closed()).code);
      await closing;
      await report.first('over');
    },
    { alone: true },
  );

  conformance(
    'websocket',
    'socket',
    'a bad handshake is refused, and the app never called',
    async (context) => {
      const { expect, path, report, url } = context;
      const without = (name: string) => handshake.filter((line) => !line.startsWith(name));
      const old = await once(url, [
        `GET ${path('echo')} HTTP/1.1`,
        ...without('sec-websocket-version'),
        'sec-websocket-version: 8',
      ]);
      expect(old.status).toBe(426);
      expect(old.get('sec-websocket-version')).toBe('13');
      const short = [...without('sec-websocket-key'), 'sec-websocket-key: abc'];
      expect((await once(url, [`GET ${path('echo')} HTTP/1.1`, ...short])).status).toBe(400);
      expect(report.notes()).toEqual([]);
    },
  );

  conformance('websocket', 'socket', 'a broken frame is answered with 1002', async (context) => {
    const { expect, raw, path } = context;
    const client = await raw();
    client.request(`GET ${path('echo')} HTTP/1.1`, ...handshake);
    expect((await client.head()).status).toBe(101);
    client.send(Buffer.from([0x81, 0x02, 0x61, 0x62])); // a frame without a mask
    const frame = await client.bytes(4);
    expect(frame[0]).toBe(0x88);
    expect(frame.readUInt16BE(2)).toBe(1002);
  });
});
