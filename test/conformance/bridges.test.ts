// There and back again: what a bridge carries, what it refuses, and that two of them are as good as none.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AsyncServer } from '../../src/async/server.ts';
import { asyncToSync } from '../../src/bridge/async-to-sync.ts';
import { syncToAsync } from '../../src/bridge/sync-to-async.ts';
import { SyncServer } from '../../src/sync/server.ts';
import { type Answer, once, RawClient } from '../support/raw-client.ts';
import { Recorder } from '../support/recorder.ts';
import { Report } from '../support/report.ts';
import * as all from './apps/all.ts';
import { area, carrierOf, conformance, type Started } from './matrix.ts';

const host = 'host: gate.test';
const ref = `${new URL('./apps/all.ts', import.meta.url).href}#`;

interface Running extends AsyncDisposable {
  readonly url: URL;
  readonly log: Recorder;
}

/** `async ← sync inline ← async`: an async app as a sync one, and that as an async one again. */
async function doubled(): Promise<Running> {
  const log = new Recorder();
  const inner = asyncToSync(`${ref}async`, { log });
  await inner.ready;
  const server = new AsyncServer(syncToAsync(inner, { log }), { log });
  const { url } = await server.listen('127.0.0.1:0');
  const close = async (): Promise<void> => {
    await server.close(0);
    inner[Symbol.dispose]();
  };
  return { url: new URL(url), log, [Symbol.asyncDispose]: close };
}

/** One request of the corpus: the lines of its head, its body. */
type Request = [lines: string[], body?: string];

const corpus: Request[] = [
  [['GET /length/list?pieces=5 HTTP/1.1', host]],
  [['GET /length/yield?pieces=5,7 HTTP/1.1', host]],
  [['GET /length/yield?pieces=5,7&length=12 HTTP/1.1', host]],
  [['GET /length/list?status=404&pieces=3 HTTP/1.1', host]],
  [['GET /length/list?status=204&pieces= HTTP/1.1', host]],
  [['GET /length/list?status=304&pieces= HTTP/1.1', host]],
  [['HEAD /length/list?pieces=5&length=5 HTTP/1.1', host]],
  [['GET /length/yield?pieces= HTTP/1.1', host]],
  [['GET /length/yield?pieces=3,3 HTTP/1.0']],
  [['POST /echo/ HTTP/1.1', host, 'content-length: 5'], 'hello'],
  [
    ['POST /echo/stream HTTP/1.1', host, 'transfer-encoding: chunked'],
    '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
  ],
  [['POST /reader/small HTTP/1.1', host, 'content-length: 5'], 'hello'],
  [['GET /starter/good HTTP/1.1', host]],
  [['GET /starter/minimal HTTP/1.1', host]],
  [['GET /starter/own-date HTTP/1.1', host]],
  [['GET /thrower/before HTTP/1.1', host]],
  [['GET /thrower/started HTTP/1.1', host]],
  [['GET /thrower/after HTTP/1.1', host]],
  [['GET /thrower/never HTTP/1.1', host]],
  [['GET /thrower/only-start HTTP/1.1', host]],
  [['GET /thrower/unfinished HTTP/1.1', host]],
  [['GET /ticker/count?count=50 HTTP/1.1', host]],
  [['GET /%ff HTTP/1.1', host]],
];

const unsaid = new Set(['date', 'transfer-encoding', 'content-length', 'connection']);

/** What of an answer counts: not the date, not how it was cut into chunks, not how a server words its own refusals. */
function essence({ status, headers, text, framing, complete }: Answer): unknown {
  // Whether a failure behind the first piece is a 500 or a cut depends on what had left by then.
  if (!complete || status === 500) return 'failed';
  if (status === 400) return { status };
  const kept = headers.map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const lines = kept.filter(([name]) => !unsaid.has(name)).map((pair) => pair.join(': '));
  return { status, text, body: framing === 'none' ? 'none' : 'some', headers: lines.sort() };
}

describe('bridges', () => {
  let direct: Started;
  let there: Started;
  let back: Running;

  beforeAll(async () => {
    [direct, there, back] = await Promise.all([
      carrierOf('async').start(),
      carrierOf('sync threads ← async').start({ threads: 2 }),
      doubled(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([direct?.close(0), there?.close(0), back?.[Symbol.asyncDispose]()]);
  });

  for (const [lines, body] of corpus) {
    test(`[B-12] ${lines[0]}: the same there, and back again`, async () => {
      const answers = await Promise.all([direct, there, back].map(({ url }) => once(url, lines, body ?? '')));
      const [expected, ...others] = answers.map(essence);
      for (const other of others) expect(other).toEqual(expected);
    });
  }

  test('[B-07] an error keeps its name, message and stack across a thread', async () => {
    for (const { url, log } of [there, back]) {
      log.clear();
      await once(url, ['GET /thrower/before HTTP/1.1', host]);
      await log.until('Error: secret-before');
      expect(log.text).toMatch(/apps\/thrower\.ts/);
    }
  });

  test('[B-03] back again, a client that goes away is noticed', async () => {
    using report = new Report();
    await using client = await RawClient.open(back.url);
    client.request(`GET /infinite/?${report.query} HTTP/1.1`, host);
    await client.bytes(1 << 20);
    client.reset();
    await report.first('stopped');
  });
});

describe('bridges, each by itself', () => {
  test('an async function cannot become a sync app: it would wait for its own thread', () => {
    // On purpose: the types forbid it.
    const given = all.async as unknown as string;
    expect(() => asyncToSync(given)).toThrow(expect.objectContaining({ code: 'BRIDGE_SAME_THREAD' }));
  });

  test('[A-91] a sync app that nobody told of a startup starts its pool with the first request', async () => {
    const log = new Recorder();
    await using app = syncToAsync(`${ref}sync`, { threads: 1, log });
    await using server = new AsyncServer(app, { log, lifespan: 'off' });
    const { url } = await server.listen('127.0.0.1:0');
    const answer = await once(new URL(url), ['GET /slow/?ms=0 HTTP/1.1', host]);
    expect(answer.text).toBe('thread 1');
  });

  test('[B-13] background work behind an answer holds no sync thread', async () => {
    using report = new Report();
    await using server = await carrierOf('sync threads ← async').start({ threads: 1 });
    const background = once(server.url, [`GET /starter/behind?${report.query} HTTP/1.1`, host]);
    expect((await background).text).toBe('answered');
    expect(report.notes('done')).toEqual([]);
    expect((await once(server.url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
    report.open('go');
    expect((await report.first('done'))['opened']).toBe(true);
  });

  test('a sync app has no sockets: the handshake is refused, and the app is never called', async () => {
    for (const name of ['async ← sync inline', 'async ← sync threads'] as const) {
      await using server = await carrierOf(name).start({ threads: 1 });
      using report = new Report();
      const answer = await once(server.url, [
        `GET /slow/?ms=0&${report.query} HTTP/1.1`,
        host,
        'upgrade: websocket',
        'sec-websocket-version: 13',
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
        'connection: upgrade',
      ]);
      expect(answer.status, name).toBe(403);
      expect(report.notes(), name).toEqual([]);
    }
  });

  test('a pool whose app cannot be loaded does not start, and says why', async () => {
    for (const make of [
      () => new SyncServer(`${ref}nothing`, { threads: 1 }),
      () => new AsyncServer(syncToAsync(`${ref}nothing`, { threads: 1 }), { lifespan: 'on' }),
    ]) {
      const server = make();
      const listening = server.listen('127.0.0.1:0');
      await expect(listening).rejects.toThrow('nothing');
      await server.close(0);
    }
  });
});

area('bridges', () => {
  conformance(
    'http',
    'reflect',
    '[A-90] a sync app behind a bridge sees what it sees without',
    async (context) => {
      const { expect, url } = context;
      await using plain = await carrierOf('sync inline').start();
      const lines = [
        'POST /a%20b/c?d=e HTTP/1.1',
        host,
        'x-one: 1',
        'content-type: a/b',
        'content-length: 2',
      ];
      const seen = async (at: URL): Promise<Record<string, unknown>> =>
        JSON.parse((await once(at, lines, 'ab')).text);
      const own = await seen(plain.url);
      const it = await seen(url);
      const differ = /^(REMOTE_PORT|SERVER_PORT|wsgi\.multithread|dualgate\..*)$/;
      for (const [key, value] of Object.entries(own)) {
        if (!differ.test(key)) expect(it[key], key).toEqual(value);
      }
    },
    {
      except: {
        'sync inline': 'compared with itself',
        async: 'no sync app',
        'sync threads ← async': 'no sync app',
      },
    },
  );
});
