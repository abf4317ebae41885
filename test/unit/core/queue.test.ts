import { expect, test } from 'vitest';

import { Queue } from '../../../src/core/queue.ts';

test('items come out in the order in which they went in', async () => {
  const queue = new Queue<number>({ items: 8 });
  for (const item of [1, 2, 3]) queue.push(item);
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual([1, 2, 3]);
});

test('takers who wait are served in their order', async () => {
  const queue = new Queue<string>({ items: 8 });
  const first = queue.take();
  const second = queue.take();
  queue.push('a');
  queue.push('b');
  expect(await Promise.all([first, second])).toEqual(['a', 'b']);
  expect(queue.size).toBe(0);
});

test('push says when to pause, onRoom when to go on: once, at half of the bound', async () => {
  let rooms = 0;
  const queue = new Queue<number>({ items: 4, onRoom: () => rooms++ });
  expect([1, 2, 3, 4, 5].map((item) => queue.push(item))).toEqual([true, true, true, false, false]);
  await queue.take();
  await queue.take();
  expect(rooms).toBe(0);
  expect(queue.push(6)).toBe(false);
  await queue.take();
  await queue.take();
  expect(rooms).toBe(1);
  expect(queue.push(7)).toBe(true);
  await queue.take();
  expect(rooms).toBe(1);
});

test('a bound of one works', async () => {
  let rooms = 0;
  const queue = new Queue<number>({ items: 1, onRoom: () => rooms++ });
  expect(queue.push(1)).toBe(false);
  expect(await queue.take()).toBe(1);
  expect(rooms).toBe(1);
});

test('a closed queue gives what it holds, then undefined for ever', async () => {
  const queue = new Queue<number>({ items: 4 });
  queue.push(1);
  queue.close();
  queue.close();
  expect(queue.push(2)).toBe(true);
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual([1, undefined, undefined]);
});

test('closing wakes everybody who waits', async () => {
  const queue = new Queue<number>({ items: 4 });
  const waiting = [queue.take(), queue.take()];
  queue.close();
  expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
});

test('closing with drop forgets what it holds', async () => {
  const queue = new Queue<number>({ items: 4 });
  queue.push(1);
  queue.close({ drop: true });
  expect(await queue.take()).toBeUndefined();
});

test('a few heavy items fill it too', async () => {
  let rooms = 0;
  const queue = new Queue<string>({
    items: 100,
    weight: 10,
    weigh: (item) => item.length,
    onRoom: () => rooms++,
  });
  expect([queue.push('1234'), queue.push('5678'), queue.push('90')]).toEqual([true, true, false]);
  await queue.take();
  expect(rooms).toBe(0);
  await queue.take();
  expect(rooms).toBe(1);
});
