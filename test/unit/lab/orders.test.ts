// The page's orders, checked at the door.
import { expect, test } from 'vitest';

import { raceOrder, restartOrder, sendOrder } from '../../../src/lab/orders.ts';

const race = { cells: ['sync-on-sync', 'async-on-async'], requests: 8, wait: 200 };

test('a path is sent as an address field would send it', () => {
  const path = (text: string): string => sendOrder({ cell: 'sync-on-sync', path: text }).path;
  expect(path('/hello')).toBe('/hello');
  expect(path('/café?q=1 2#top')).toBe('/caf%C3%A9?q=1%202');
  expect(path('//other.example/x')).toBe('//other.example/x');
  expect(path('/a\r\nx: y')).toBe('/ax:%20y');
});

test('a race names each cell once', () => {
  expect(raceOrder(race)).toEqual(race);
  expect(raceOrder({ ...race, cells: ['sync-on-sync', 'sync-on-sync'] }).cells).toEqual(['sync-on-sync']);
});

test.for([
  [() => sendOrder(null), 'An order is a JSON object'],
  [() => sendOrder({ cell: 'sync-on-sync', path: 'hello' }), 'starts with "/"'],
  [() => sendOrder({ cell: 'sync-on-sync', path: `/${'x'.repeat(200)}` }), 'at most 200'],
  [() => restartOrder({ cell: 'constructor' }), 'There is no cell "constructor"'],
  [() => restartOrder({}), 'There is no cell undefined'],
  [() => raceOrder({ ...race, cells: [] }), 'needs a cell'],
  [() => raceOrder({ ...race, requests: 17 }), '"requests" is a whole number from 1 to 16'],
  [() => raceOrder({ ...race, requests: 1.5 }), '"requests"'],
  [() => raceOrder({ ...race, wait: '200' }), '"wait" is a whole number from 1 to 1000'],
] as const)('%s is refused: %s', ([order, why]) => {
  expect(order).toThrow(why);
});
