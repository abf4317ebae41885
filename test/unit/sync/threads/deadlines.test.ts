// Deadlines: a call that holds its thread too long is ended alone, softly first.
import { describe, expect, test } from 'vitest';

import { overdue, Watch } from '../../../../src/sync/threads/deadlines.ts';
import { subscribe, type TraceEvent } from '../../../../src/core/trace.ts';
import { Slots } from '../../../../src/sync/threads/slots.ts';
import { inFlag, outFlag, state, word } from '../../../../src/sync/threads/words.ts';
import { TestCall } from '../carrier.ts';
import { staged, until } from './staged.ts';

describe('the watch', () => {
  const running = (slots: Slots, slot: number, thread: number): void => {
    slots.renew(slot);
    slots.set(slot, word.inFlags, 0);
    slots.set(slot, word.state, state.running + thread);
  };
  const late = (slots: Slots, slot: number): boolean => (slots.get(slot, word.inFlags) & inFlag.late) !== 0;
  const made = (timeout: number, requestTimeout = 0): { slots: Slots; watch: Watch } => {
    const slots = Slots.make(2, 3, 1024);
    return { slots, watch: new Watch(slots, { timeout, requestTimeout }) };
  };
  /** Looks every 100 ms, up to `to`; gives when it named an overrun, and when a slot became late. */
  const play = (watch: Watch, slots: Slots, from: number, to: number) => {
    const seen: string[] = [];
    for (let now = from; now <= to; now += 100) {
      const before = late(slots, 1);
      for (const { slot, thread } of watch.look(now)) seen.push(`${now}: slot ${slot} of thread ${thread}`);
      if (late(slots, 1) !== before) seen.push(`${now}: ${before ? 'not late' : 'late'}`);
    }
    return seen;
  };

  test('softly at the limit, hard a quarter of it later', () => {
    const { slots, watch } = made(2000);
    running(slots, 1, 1);
    expect(play(watch, slots, 0, 2500)).toEqual(['2000: late', '2500: slot 1 of thread 1']);
  });

  test('a grace is a second at most', () => {
    const { slots, watch } = made(8000);
    running(slots, 1, 0);
    expect(play(watch, slots, 0, 9000)).toEqual(['8000: late', '9000: slot 1 of thread 0']);
  });

  test('a byte that the server takes, or the app, starts it anew, and takes the soft stage back', () => {
    const { slots, watch } = made(1000);
    running(slots, 1, 0);
    expect(play(watch, slots, 0, 900)).toEqual([]);
    slots.set(1, word.outRead, 1);
    expect(play(watch, slots, 1000, 1900)).toEqual([]);
    slots.set(1, word.inRead, 1);
    expect(play(watch, slots, 2000, 3000)).toEqual(['3000: late']);
    slots.add(1, word.outFlags, outFlag.flush);
    expect(play(watch, slots, 3100, 4000)).toEqual(['3100: not late']);
  });

  test('the limit in all does not care, and stays', () => {
    const { slots, watch } = made(0, 1000);
    running(slots, 1, 0);
    expect(play(watch, slots, 0, 900)).toEqual([]);
    slots.set(1, word.outRead, 1);
    expect(play(watch, slots, 1000, 1000)).toEqual(['1000: late']);
    slots.set(1, word.outRead, 2);
    expect(play(watch, slots, 1100, 1300)).toEqual(['1300: slot 1 of thread 0']);
    expect(overdue(slots.get(1, word.limit)).message).toMatch(/longer than 1 s$/);
  });

  test('another call in the same slot has a clock of its own', () => {
    const { slots, watch } = made(1000);
    running(slots, 1, 0);
    expect(play(watch, slots, 0, 900)).toEqual([]);
    running(slots, 1, 0);
    expect(play(watch, slots, 1000, 1900)).toEqual([]);
  });

  test('a slot that waits for a thread, or for its client, has none', () => {
    const { slots, watch } = made(1000);
    slots.renew(1);
    for (const at of [state.ready, state.done, state.zombie, state.free]) {
      slots.set(1, word.state, at);
      expect(play(watch, slots, 0, 3000)).toEqual([]);
    }
  });

  test('a thread that waits for a head hears of it softly only, and the head begins it anew', () => {
    const { slots, watch } = made(1000);
    running(slots, 1, 0);
    slots.add(1, word.inFlags, inFlag.held);
    expect(play(watch, slots, 0, 2000)).toEqual(['1000: late']);
    slots.clear(1, inFlag.held);
    expect(play(watch, slots, 2100, 3400)).toEqual([
      '2100: not late',
      '3100: late',
      '3400: slot 1 of thread 0',
    ]);
  });

  test('a loop that was held up for a minute ends nobody', () => {
    const { slots, watch } = made(1000);
    running(slots, 1, 0);
    watch.look(0);
    expect(watch.look(60_000)).toEqual([]);
    expect(late(slots, 1)).toBe(false);
  });
});

const ways = ['/loop', '/wait', '/regex'];
const stop = { timeout: 400 };

describe('a thread that is stuck', () => {
  test.each(ways)('%s: 504 to its client alone, and all others are served', async (path) => {
    await using stage = await staged({ threads: 2, ...stop });
    const others = async (): Promise<number> => {
      let served = 0;
      for (; !call.failure; served++) expect((await stage.run('/self')).ended).toBe(true);
      return served;
    };
    const call = new TestCall({ path });
    const running = stage.pool.run(call);
    expect(await others()).toBeGreaterThan(10);
    await running;
    expect(call.failure).toMatchObject({ status: 504 });
    expect(call.failure?.message).toBe('The request has passed its deadline: it made no progress for 0.4 s');
    expect(call.status).toBeUndefined();
    const [line] = stage.lines.matching(/deadline/);
    expect(line?.text).toMatch(/: GET "\/\w+" on thread [12], which is ended; another takes its place$/);
    expect(line?.fields).toEqual({ request: call.id });
  });

  test('a queue behind the only thread is served by the one that takes its place', async () => {
    await using stage = await staged({ threads: 1, ...stop });
    const first = stage.run('/loop');
    const queued = Array.from({ length: 100 }, () => stage.run('/self'));
    expect((await first).failure).toMatchObject({ status: 504 });
    const names = (await Promise.all(queued)).map((call) => [call.ended, call.text]);
    expect(new Set(names.map(String)).size).toBe(1);
    expect(names[0]?.[0]).toBe(true);
  });

  test('behind its head it is cut, never ended', async () => {
    await using stage = await staged({ threads: 1, ...stop });
    const call = await stage.run('/loop-late');
    expect(call.text).toBe('some');
    expect(call.ended).toBe(false);
    expect(call.failure).toMatchObject({ status: 504 });
  });

  test('in close(), behind a whole answer: the client has it, and the thread is replaced', async () => {
    await using stage = await staged({ threads: 1, ...stop });
    const call = await stage.run('/loop-in-close');
    expect([call.text, call.ended, call.failure]).toEqual(['whole', true, undefined]);
    expect((await stage.run('/self')).ended).toBe(true);
    expect(stage.lines.matching(/deadline/)).toHaveLength(1);
  });

  test('it is ended too where its client has left', async () => {
    await using stage = await staged({ threads: 1, ...stop });
    const call = new TestCall({ path: '/loop-late' });
    const running = stage.pool.run(call);
    await call.first.promise;
    call.leave();
    await running;
    expect(call.failure).toBeUndefined();
    expect((await stage.run('/self')).ended).toBe(true);
  });

  test('its last lines of wsgi.errors are logged; a trace has its end', async () => {
    await using stage = await staged({ threads: 1, ...stop });
    const events: TraceEvent[] = [];
    const unsubscribe = subscribe((event) => events.push(event));
    const call = await stage.run('/complain');
    unsubscribe();
    expect(call.failure).toMatchObject({ status: 504 });
    await until(() => stage.lines.matching(/^complaint/).length > 0 && stage.pool.quarantined === 0);
    const heard = stage.lines.matching(/^complaint/).map(({ text }) => Number(text.slice(10)));
    // beyond 256 on their way at once they go to standard error: none of these is missing, and they are in order
    expect(heard.slice(0, 256)).toEqual(Array.from({ length: 256 }, (_, at) => at));
    const mine = events.filter((event) => event.id === call.id).map(({ kind }) => kind);
    expect(mine).toEqual(['queued', 'dispatched', 'app.enter', 'app.leave']);
  });

  test('a warm thread takes its place at once', async () => {
    await using stage = await staged({ threads: 2, warmThreads: 1, ...stop });
    await until(() => stage.pool.spares === 1);
    const call = await stage.run('/loop');
    expect(call.failure).toMatchObject({ status: 504 });
    expect(stage.pool.spares).toBe(0); // it has a seat already
    await until(() => stage.pool.spares === 1);
  });

  test('many times in a row: every one is answered, and every other too', async () => {
    await using stage = await staged({ threads: 3, warmThreads: 1, timeout: 100 });
    const stuck = Array.from({ length: 12 }, (_, at) => stage.run(ways[at % 3] ?? ''));
    const others = Array.from({ length: 60 }, () => stage.run('/sleep', { query: '5' }));
    for (const call of await Promise.all(stuck)) expect(call.failure).toMatchObject({ status: 504 });
    for (const call of await Promise.all(others)) expect(call.ended).toBe(true);
    await until(() => stage.pool.quarantined === 0);
  });
});

describe('the soft stage', () => {
  const never = new Promise<Uint8Array>(() => {});
  const headers = { expect: '100-continue' };

  test('a read that waits throws, the thread lives, and the client hears 504', async () => {
    await using stage = await staged({ threads: 1, timeout: 1000 });
    const before = (await stage.run('/self')).text;
    const call = await stage.run('/read', { method: 'POST', body: [never], headers });
    expect(call.failure).toMatchObject({ status: 504 });
    expect((await stage.run('/self')).text).toBe(before);
  });

  test('an app that catches it may still answer', async () => {
    await using stage = await staged({ threads: 1, timeout: 1000 });
    const call = await stage.run('/read-or-say', { method: 'POST', body: [never], headers });
    expect(call.text).toMatch(/^caught: The request has passed its deadline: it made no progress for 1 s$/);
    expect(call.ended).toBe(true);
  });

  test('a write that waits throws, and what is open is closed', async () => {
    await using stage = await staged({ threads: 1, timeout: 1000 });
    const call = await stage.run('/flood', { keep: false, room: () => new Promise(() => {}) });
    expect(call.failure).toMatchObject({ status: 504 });
    expect((await stage.run('/told')).text).toBe('the flood was closed');
  });

  test('an app that gives nothing but empty pieces hears of it', async () => {
    await using stage = await staged({ threads: 1, timeout: 1000 });
    const before = (await stage.run('/self')).text;
    expect((await stage.run('/empty')).failure).toMatchObject({ status: 504 });
    expect((await stage.run('/self')).text).toBe(before);
  });
});

describe('progress', () => {
  test('a stream that ticks lives longer than the limit; the limit in all ends it', async () => {
    await using stage = await staged({ threads: 2, timeout: 300 });
    expect((await stage.run('/ticking', { query: '8' })).ended).toBe(true);
    await using other = await staged({ threads: 1, timeout: 300, requestTimeout: 400 });
    const cut = await other.run('/ticking', { query: '1000' });
    expect(cut.ended).toBe(false);
    expect(cut.text).toMatch(/^(tick )+$/);
    expect(cut.failure).toMatchObject({ status: 504 });
    expect(cut.failure?.message).toMatch(/longer than 0\.4 s$/);
  });

  test('an app that takes its body bit by bit makes progress', async () => {
    await using stage = await staged({ threads: 1, timeout: 400 });
    const call = await stage.run('/uptake', { method: 'POST', body: [Buffer.alloc(400_000)] });
    expect(call.text).toBe('all taken');
  });

  test('waiting for a thread is not counted', async () => {
    await using stage = await staged({ threads: 1, timeout: 300 });
    const calls = Array.from({ length: 6 }, () => stage.run('/sleep', { query: '100' }));
    for (const call of await Promise.all(calls)) expect(call.ended).toBe(true);
  });

  test('0 is no limit', async () => {
    await using stage = await staged({ threads: 1, timeout: 0 });
    expect((await stage.run('/sleep', { query: '700' })).ended).toBe(true);
  });
});
