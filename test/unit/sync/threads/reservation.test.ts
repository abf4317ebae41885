// `--buffer off`: a thread is claimed when a connection is accepted, and waits for its client.
import { describe, expect, test } from 'vitest';

import { silent } from '../../../../src/core/log.ts';
import { subscribe, type TraceEvent } from '../../../../src/core/trace.ts';
import { GatewayError, HttpError } from '../../../../src/core/errors.ts';
import { SyncServer, type SyncServerOptions } from '../../../../src/sync/server.ts';
import { Delivery } from '../../../../src/sync/threads/delivery.ts';
import { Early } from '../../../../src/sync/threads/early.ts';
import { type Held, Reservation } from '../../../../src/sync/threads/reservation.ts';
import { Issuer, opensslThere } from '../../../support/certificates.ts';
import { Slots } from '../../../../src/sync/threads/slots.ts';
import { inFlag, state, word } from '../../../../src/sync/threads/words.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { Recorder } from '../../../support/recorder.ts';
import { TestCall } from '../carrier.ts';
import { random } from '../random.ts';
import { staged } from './staged.ts';

const many = new URL('../apps/many.ts', import.meta.url).href;
const stuck = new URL('../apps/stuck.ts', import.meta.url).href;

interface Opened extends AsyncDisposable {
  readonly server: SyncServer;
  readonly log: Recorder;
  open(): Promise<RawClient>;
  /** A client that asks for this, and nothing else. */
  ask(path: string): Promise<RawClient>;
}

async function opened(options: SyncServerOptions = {}, app: string = many): Promise<Opened> {
  const log = new Recorder();
  const server = new SyncServer(app, { threads: 1, warmThreads: 0, buffer: false, log, ...options });
  const url = new URL((await server.listen('127.0.0.1:0')).url);
  const open = (): Promise<RawClient> => RawClient.open(url);
  return {
    server,
    log,
    open,
    ask: async (path) => (await open()).request(`GET ${path} HTTP/1.1`, 'Host: x'),
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

describe('a client that says nothing', () => {
  test('holds a thread; whoever comes when all are held waits', async () => {
    await using stage = await opened({ threads: 2 });
    await using first = await stage.open();
    await using second = await stage.open();
    await using third = await stage.ask('/hello');
    first.request('POST /relay HTTP/1.1', 'Host: x', 'Content-Length: 300000');
    for (let pieces = 0; pieces < 29; pieces++) {
      first.send('a'.repeat(10_000));
      await first.bytes(10_000);
    }
    expect(third.received).toBe(0); // no thread was free until now, and none is
    second.end();
    expect((await third.answer()).text).toMatch(/^hello from thread [12]$/);
  });

  test('holds none with the buffer on', async () => {
    await using stage = await opened({ threads: 2, buffer: true });
    await using first = await stage.open();
    await using _ = await stage.open();
    await using third = await stage.ask('/hello');
    expect((await third.answer()).text).toMatch(/^hello from thread [12]$/);
    expect(first.ending).toBe(null);
  });

  test.each<[string, (client: RawClient) => void]>([
    ['leaves', (client) => client.end()],
    ['is cut', (client) => client.reset()],
    ['leaves within its head', (client) => client.send('GET /hello HT').end()],
    ['says what is no HTTP', (client) => void client.send('nonsense\r\n\r\n')],
  ])('and %s: its thread is the next one’s', async (_name, act) => {
    await using stage = await opened();
    await using first = await stage.open();
    await using next = await stage.ask('/hello');
    act(first);
    expect((await next.answer()).text).toBe('hello from thread 1');
    expect(stage.log.troubles).toEqual([]);
  });

  test('is let go at the deadline of its thread, which lives on', async () => {
    await using stage = await opened({ timeout: 200 }, `${stuck}#app`);
    await using before = await stage.ask('/self');
    const thread = (await before.answer()).text;
    await using silent = await stage.open();
    await using slow = await stage.open();
    slow.send('GET /hello HT');
    await using next = await stage.ask('/self');
    expect(await silent.closed()).toMatchObject({ ending: 'end', rest: Buffer.alloc(0) });
    expect((await slow.answer()).status).toBe(408);
    expect((await next.answer()).text).toBe(thread);
    expect(stage.log.troubles).toEqual([]);
  });

  test('is let go by the engine where that is earlier', async () => {
    await using stage = await opened({ limits: { headTimeout: 1 } });
    await using slow = await stage.open();
    slow.send('GET /hello HT');
    expect((await slow.answer()).status).toBe(408);
    await using next = await stage.ask('/hello');
    expect((await next.answer()).text).toBe('hello from thread 1');
  });

  test('does not keep the server from closing; a call that runs does', async () => {
    await using stage = await opened({ threads: 3 });
    await using silent = await stage.open();
    await using slow = await stage.open();
    slow.send('GET /hello HT');
    await using busy = await stage.ask('/slow-end?100');
    await busy.until('begun');
    const closing = stage.server.close(600_000);
    expect((await silent.closed()).ending).toBe('end');
    expect((await slow.closed()).ending).toBe('end');
    expect((await busy.closed()).rest.toString()).toContain('done');
    busy.end();
    await closing;
  });
});

describe('what comes slowly holds its thread', () => {
  test('a head, byte by byte', async () => {
    await using stage = await opened();
    await using slow = await stage.open();
    await using next = await stage.ask('/slow-end?0');
    for (const letter of 'GET /hello HTTP/1.1\r\nHost: x\r\n\r') {
      slow.send(letter);
      await slow.flushed();
    }
    expect(next.received).toBe(0);
    slow.send('\n');
    expect((await slow.answer()).text).toBe('hello from thread 1');
    expect((await next.answer()).text).toBe('begundone');
  });

  test('a body: the app has the head, and each piece as it comes', async () => {
    await using stage = await opened();
    await using slow = await stage.open();
    await using next = await stage.ask('/hello');
    slow.request('POST /relay HTTP/1.1', 'Host: x', 'Content-Length: 20000').send('a'.repeat(10_000));
    await slow.bytes(10_000);
    expect(next.received).toBe(0);
    slow.send('b'.repeat(10_000));
    await slow.bytes(10_000);
    expect((await next.answer()).text).toBe('hello from thread 1');
  });

  test('a body that stops: its client leaves, and the app hears of it', async () => {
    await using stage = await opened();
    await using slow = await stage.open();
    slow.request('POST /read-then-tell HTTP/1.1', 'Host: x', 'Content-Length: 9', 'Expect: 100-continue');
    await slow.head(); // it reads
    await using next = await stage.ask('/told');
    slow.send('abc').end();
    expect((await next.answer()).text).toBe('read threw Disconnected');
  });

  test('a body that stops, until the deadline', async () => {
    await using stage = await opened({ timeout: 200 });
    await using slow = await stage.open();
    slow.request('POST /count HTTP/1.1', 'Host: x', 'Content-Length: 20000').send('abc');
    expect((await slow.answer()).status).toBe(504);
    await using next = await stage.ask('/hello');
    expect((await next.answer()).text).toBe('hello from thread 1');
  });
});

describe('a request', () => {
  test.each([0, 5, 64 * 1024, 1024 * 1024 + 7])('with a body of %i bytes', async (size) => {
    await using stage = await opened();
    await using client = await stage.open();
    const body = Buffer.alloc(size, 'abcdefg');
    client.request('POST /relay HTTP/1.1', 'Host: x', `Content-Length: ${size}`).send(body);
    expect(Buffer.compare((await client.answer()).body, body)).toBe(0);
  });

  test('with a chunked body in pieces', async () => {
    await using stage = await opened();
    await using client = await stage.open();
    client.request('POST /echo HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').send('3\r\nab');
    await client.flushed();
    client.send('c\r\n2\r\nde\r\n0\r\n\r\n');
    expect((await client.answer()).text).toBe('abcde');
  });

  test('with a broken body: 400', async () => {
    await using stage = await opened();
    await using client = await stage.open();
    client.request('POST /echo HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').send('3\r\nabcdef');
    expect((await client.answer()).status).toBe(400);
  });

  test('that waits for 100 gets it when the app reads, and none where it does not', async () => {
    await using stage = await opened();
    const lines = ['Host: x', 'Content-Length: 3', 'Expect: 100-continue'];
    await using reads = await stage.open();
    reads.request('POST /echo HTTP/1.1', ...lines);
    expect((await reads.head()).status).toBe(100);
    reads.send('abc');
    expect((await reads.answer()).text).toBe('abc');
    await using other = await stage.open();
    other.request('POST /hello HTTP/1.1', ...lines);
    expect(await other.answer()).toMatchObject({ status: 200, early: [] });
  });

  test('is the only one of its connection', async () => {
    await using stage = await opened();
    await using client = await stage.open();
    for (const _ of [1, 2]) client.request('GET /hello HTTP/1.1', 'Host: x');
    const answer = await client.answer();
    expect(answer.get('connection')).toBe('close');
    expect(answer.text).toBe('hello from thread 1');
    expect(await client.closed()).toMatchObject({ ending: 'end', rest: Buffer.alloc(0) });
  });

  test.skipIf(!opensslThere)('over TLS, from the end of the handshake on', async () => {
    using issuer = new Issuer();
    const { cert, key } = issuer.issue();
    await using stage = await opened({ tls: { cert: [cert], key: [key] } });
    await using silent = await stage.open();
    await using next = await stage.ask('/environ');
    await next.flushed();
    silent.request('GET /hello HTTP/1.1', 'Host: x');
    expect((await silent.answer()).text).toBe('hello from thread 1');
    expect(JSON.parse((await next.answer()).text)).toMatchObject({ HTTPS: 'on' });
  });

  test('by HTTP/1.0, one whose head does not fit into a slot, and one that fails', async () => {
    await using stage = await opened({ limits: { maxHead: 65_536, maxBuffered: 131_072 } });
    await using old = await stage.open();
    old.request('GET /hello HTTP/1.0');
    expect((await old.answer()).text).toBe('hello from thread 1');
    await using large = await stage.open();
    large.request('GET /environ HTTP/1.1', 'Host: x', `X-Large: ${'x'.repeat(40_000)}`);
    expect(JSON.parse((await large.answer()).text).HTTP_X_LARGE).toHaveLength(40_000);
    await using fails = await stage.ask('/throw');
    expect((await fails.answer()).status).toBe(500);
    await using next = await stage.ask('/hello');
    expect((await next.answer()).text).toBe('hello from thread 1');
  });

  test('beyond the backlog is answered 503, others wait', async () => {
    await using stage = await opened({ spare: 0, backlog: 1 });
    await using first = await stage.open();
    await using waits = await stage.ask('/hello');
    await using beyond = await stage.ask('/hello');
    expect((await beyond.answer()).status).toBe(503);
    first.end();
    expect((await waits.answer()).status).toBe(200);
  });

  test('leaves a trace: when its thread was claimed, and when the app was entered', async () => {
    await using stage = await opened({ threads: 2 });
    const events: TraceEvent[] = [];
    const unsubscribe = subscribe((event) => events.push(event));
    await using client = await stage.open();
    await using behind = await stage.ask('/hello');
    await behind.answer(); // threads take what is first in the queue: so it has one too
    events.length = 0;
    client.request('GET /hello HTTP/1.1', 'Host: x');
    await client.answer();
    unsubscribe();
    const at = (kind: string): number => events.find((event) => event.kind === kind)?.at ?? Number.NaN;
    expect(at('dispatched')).toBeLessThan(at('request'));
    expect(at('app.enter')).toBeGreaterThanOrEqual(at('request'));
    expect(at('app.leave')).toBeGreaterThanOrEqual(at('app.enter'));
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
  });
});

describe('the pool by itself', () => {
  test('is closed at once where threads wait for heads; what comes then is refused', async () => {
    await using stage = await staged({ threads: 2 });
    const newcomer = { giveUp: () => {} };
    const reservations = Array.from({ length: 80 }, () => stage.pool.reserve(newcomer)); // 66 of them in slots
    await stage.pool.close(600_000);
    const call = new TestCall();
    await reservations[0]?.take(call);
    await reservations[79]?.take(new TestCall());
    expect(stage.lines.matching(/./)).toEqual([]);
    const later = new TestCall();
    await stage.pool.reserve(newcomer).take(later);
    expect(later.failure).toMatchObject({ status: 503 });
  });

  test('a place that a thread has taken out of the queue, and died with, is another thread’s', async () => {
    await using stage = await staged({ threads: 1 });
    const dies = stage.run('/claim-and-die', { query: '1' });
    const reservation = stage.pool.reserve({ giveUp: () => {} });
    expect((await dies).failure).toMatchObject({ status: 500 });
    const call = new TestCall({ path: '/lane' });
    await reservation.take(call);
    expect(call.text).toBe('thread 1');
  });

  test('a reservation has another place where the thread dies that waited for its head', async () => {
    const slots = Slots.make(1, 2, 1024);
    const free = [0, 1];
    const depot = {
      slots,
      log: silent,
      early: new Early(1),
      release: (slot: number) => free.push(slot),
      over: () => {},
      laneOf: () => 'thread 1',
    };
    const held: Delivery[] = [];
    const reservation = new Reservation({ giveUp: () => {} }, (call) => {
      const delivery = new Delivery(call, depot);
      delivery.held = true;
      held.push(delivery);
      delivery.load(free.shift() ?? -1);
      return delivery;
    });
    const flag = (slot: number): number => slots.get(slot, word.inFlags) & inFlag.held;
    expect([flag(0), slots.turn(0, state.ready, state.running)]).toEqual([inFlag.held, true]);
    held[0]?.abandon(new GatewayError('THREAD', 'It has died'));
    await held[0]?.settled;
    expect([held.length, flag(1), slots.get(1, word.state)]).toEqual([2, inFlag.held, state.ready]);
    void reservation.take(new TestCall());
    expect([flag(1), slots.get(1, word.environLength) > 0, free]).toEqual([0, true, [0]]);
  });

  test('one that is refused says so when its head is there; one that is too late never', async () => {
    const given: string[] = [];
    const held: Held = { settled: Promise.resolve(), take: () => given.push('taken'), leave: () => {} };
    const newcomer = { giveUp: () => given.push('given up') };
    const refused = new Reservation(newcomer, () => held);
    refused.fail(new HttpError(503, 'No'));
    const call = new TestCall();
    await refused.take(call);
    expect([given, call.failure?.message]).toEqual([[], 'No']);
    new Reservation(newcomer, () => held).fail(new HttpError(504, 'Late'));
    expect(given).toEqual(['given up']);
  });
});

test('a storm of clients that come and go: no thread and no slot is lost', async () => {
  const chance = random();
  const { below } = chance;
  await using stage = await opened({
    threads: 3,
    spare: 5,
    backlog: 20,
    maxRequests: 20,
    maxRequestsJitter: 20,
  });
  const faults: string[] = [];
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const visit = async (): Promise<void> => {
    await pause(below(600));
    await using client = await stage.open();
    const way = below(6);
    if (way > 0) client.send('GET /hello HTTP/1.1\r\n'.slice(0, way === 1 ? below(20) : undefined));
    await pause(below(20));
    if (way < 2) return below(2) === 0 ? client.reset() : client.end();
    const body = Buffer.alloc(below(3) * 50_000, 'x');
    client
      .request('Host: x', `Content-Length: ${body.length}`)
      .send(body.subarray(0, below(body.length + 1)));
    if (way === 2) return below(2) === 0 ? client.reset() : client.end();
    if (way === 3) await pause(below(20));
    const { status } = await client.answer();
    if (status !== 200 && status !== 503) faults.push(`way ${way}: ${status}`);
  };
  await Promise.all(Array.from({ length: 200 }, visit));
  expect(faults, `SEED=${chance.seed}`).toEqual([]);
  // 3 threads, 5 more slots, 20 in the backlog: one that is lost is a 503. The last of the storm may still be leaving.
  let served = 0;
  for (let tries = 0; tries < 50 && served < 28; tries++) {
    const clients = await Promise.all(Array.from({ length: 28 }, () => stage.ask('/hello')));
    const answers = await Promise.all(clients.map((client) => client.answer()));
    served = answers.filter(({ status }) => status === 200).length;
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  }
  expect(served, `SEED=${chance.seed}`).toBe(28);
});

describe('the buffer cannot be off', () => {
  const app = (): [] => [];
  test.each<[string, ConstructorParameters<typeof SyncServer>[0], SyncServerOptions, string]>([
    ['for a function', app, {}, 'the app is on the event loop'],
    ['without threads', many, { threads: 0 }, 'the app is on the event loop'],
    ['on node:http', many, { threads: 1, engine: 'node' }, 'only our own engine'],
  ])('%s', (_, given, options, why) => {
    const make = (): unknown => new SyncServer(given, { buffer: false, ...options });
    expect(make).toThrow(`Cannot switch the buffer off: ${why}`);
    expect(make).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
