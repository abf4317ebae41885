import { expect, test } from 'vitest';

import type { SendEvent } from '../../../src/async/interface.ts';
import { follow, http, lifespan, type Order, websocket } from '../../../src/async/order.ts';

const events = {
  'http.response.start': { type: 'http.response.start', status: 200 },
  'http.response.body': { type: 'http.response.body' },
  'http.response.body+': { type: 'http.response.body', more_body: true },
  'websocket.accept': { type: 'websocket.accept' },
  'websocket.send': { type: 'websocket.send', text: 'x' },
  'websocket.close': { type: 'websocket.close' },
  'websocket.http.response.start': { type: 'websocket.http.response.start', status: 404 },
  'websocket.http.response.body': { type: 'websocket.http.response.body' },
  'websocket.http.response.body+': { type: 'websocket.http.response.body', more_body: true },
  'lifespan.startup.complete': { type: 'lifespan.startup.complete' },
  'lifespan.startup.failed': { type: 'lifespan.startup.failed' },
  'lifespan.shutdown.complete': { type: 'lifespan.shutdown.complete' },
  'lifespan.shutdown.failed': { type: 'lifespan.shutdown.failed' },
} as const satisfies Record<string, SendEvent>;

/** Where each event of the protocol leads: a state, a clause where it is refused, or `ignored`. */
function row(make: () => Order<never, string>, prefix: string): Record<string, string> {
  const cells: Record<string, string> = {};
  for (const [name, event] of Object.entries(events)) {
    if (!name.startsWith(prefix)) continue;
    const order = make();
    try {
      // The rows of one protocol get that protocol's events only.
      cells[name] = order.take(event as never) ? order.state : 'ignored';
    } catch (error) {
      cells[name] = (error as { clause: string }).clause;
    }
  }
  return cells;
}

test('[A-31] http: start once, then bodies until the last, then nothing counts', () => {
  const at = (state: 'fresh' | 'headed' | 'done') => row(() => follow(http, state) as never, 'http.');
  expect(at('fresh')).toEqual({
    'http.response.start': 'headed',
    'http.response.body': 'A-31',
    'http.response.body+': 'A-31',
  });
  expect(at('headed')).toEqual({
    'http.response.start': 'A-31',
    'http.response.body': 'done',
    'http.response.body+': 'headed',
  });
  expect(new Set(Object.values(at('done')))).toEqual(new Set(['ignored']));
});

test('[A-33] what comes after the end is ignored, even where it is malformed', () => {
  const order = follow(http, 'done');
  expect(order.take({ type: 'nonsense' } as never)).toBe(false);
});

test('[A-51] websocket: accept, close or a denial first', () => {
  const at = (state: 'connecting' | 'open' | 'denying' | 'closed') =>
    row(() => follow(websocket, state) as never, 'websocket.');
  expect(at('connecting')).toEqual({
    'websocket.accept': 'open',
    'websocket.send': 'A-51',
    'websocket.close': 'closed',
    'websocket.http.response.start': 'denying',
    'websocket.http.response.body': 'A-51',
    'websocket.http.response.body+': 'A-51',
  });
  expect(at('open')).toEqual({
    'websocket.accept': 'A-52',
    'websocket.send': 'open',
    'websocket.close': 'closed',
    'websocket.http.response.start': 'A-52',
    'websocket.http.response.body': 'A-52',
    'websocket.http.response.body+': 'A-52',
  });
  expect(at('denying')).toEqual({
    'websocket.accept': 'A-80',
    'websocket.send': 'A-80',
    'websocket.close': 'A-80',
    'websocket.http.response.start': 'A-80',
    'websocket.http.response.body': 'closed',
    'websocket.http.response.body+': 'denying',
  });
  expect(new Set(Object.values(at('closed')))).toEqual(new Set(['ignored']));
});

test('[A-73] lifespan: each answer in its own phase', () => {
  const at = (state: 'starting' | 'started' | 'stopping' | 'done') =>
    row(() => follow(lifespan, state) as never, 'lifespan.');
  expect(at('starting')).toEqual({
    'lifespan.startup.complete': 'started',
    'lifespan.startup.failed': 'done',
    'lifespan.shutdown.complete': 'A-70',
    'lifespan.shutdown.failed': 'A-70',
  });
  expect(new Set(Object.values(at('started')))).toEqual(new Set(['A-73']));
  expect(at('stopping')).toEqual({
    'lifespan.startup.complete': 'A-73',
    'lifespan.startup.failed': 'A-73',
    'lifespan.shutdown.complete': 'done',
    'lifespan.shutdown.failed': 'done',
  });
  expect(new Set(Object.values(at('done')))).toEqual(new Set(['ignored']));
});

test('a refused event does not move the order, and the message says what came before', () => {
  const order = follow(http, 'fresh');
  expect(() => order.take({ type: 'http.response.body' })).toThrow(
    'Cannot send "http.response.body" now: no http.response.start came before it [A-31]',
  );
  expect(order.state).toBe('fresh');
});
