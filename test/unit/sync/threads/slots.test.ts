// The slots' queue, sleepers and dirty bits, seen from one thread; the pool's tests see them from many.
import { describe, expect, test } from 'vitest';

import { Slots } from '../../../../src/sync/threads/slots.ts';
import { state, word } from '../../../../src/sync/threads/words.ts';

const made = (threads = 4, slots = 40): Slots => Slots.make(threads, slots, 16 * 1024);

test('both sides see the same memory, and slots do not overlap', () => {
  const here = made();
  const there = new Slots(here.handle);
  for (let slot = 0; slot < 40; slot++) {
    here.in(slot).put(Uint8Array.of(slot, 1));
    there.out(slot).put(Uint8Array.of(slot, 2));
    here.environ(slot).fill(slot + 100);
    there.head(slot).fill(slot + 150);
    there.times[there.time(slot)] = slot + 0.5;
  }
  for (let slot = 0; slot < 40; slot++) {
    expect([...(there.in(slot).take() ?? [])]).toEqual([slot, 1]);
    expect([...(here.out(slot).take() ?? [])]).toEqual([slot, 2]);
    expect(new Set(there.environ(slot))).toEqual(new Set([slot + 100]));
    expect(new Set(here.head(slot))).toEqual(new Set([slot + 150]));
    expect(here.times[here.time(slot)]).toBe(slot + 0.5);
  }
});

describe('the queue', () => {
  test('gives slots in their order, for ever', () => {
    const slots = made();
    for (let round = 0; round < 1_000; round++) {
      slots.push(round % 40);
      slots.push((round + 7) % 40);
      expect(slots.queued).toBe(2);
      expect([slots.claim(), slots.claim(), slots.claim()]).toEqual([round % 40, (round + 7) % 40, -1]);
    }
  });

  test('finds the ready slots that a dead thread took with it, and only those', () => {
    const slots = made();
    for (const slot of [3, 5, 8]) {
      slots.set(slot, word.state, state.ready);
      slots.push(slot);
    }
    expect(slots.claim()).toBe(3); // and dies here
    slots.requeue();
    expect([slots.claim(), slots.claim(), slots.claim(), slots.claim()]).toEqual([5, 8, 3, -1]);
  });

  test('a slot is turned from ready once', () => {
    const slots = made();
    slots.set(1, word.state, state.ready);
    expect(slots.turn(1, state.ready, state.running + 3)).toBe(true);
    expect(slots.turn(1, state.ready, state.cancelled)).toBe(false);
    expect(slots.get(1, word.state)).toBe(state.running + 3);
  });
});

describe('sleepers', () => {
  test('the lowest is woken first, each once, beyond one word of bits too', () => {
    const slots = made(70, 80);
    for (const thread of [69, 31, 32, 4]) slots.lieDown(thread);
    const bells = (): number[] =>
      [4, 31, 32, 69].map((thread) => Atomics.load(slots.words, slots.bell(thread)));
    expect(slots.wakeOne()).toBe(true);
    expect(bells()).toEqual([1, 0, 0, 0]);
    for (let left = 3; left > 0; left--) expect(slots.wakeOne()).toBe(true);
    expect(bells()).toEqual([1, 1, 1, 1]);
    expect(slots.wakeOne()).toBe(false);
  });

  test('one that got up by itself is not woken', () => {
    const slots = made();
    slots.lieDown(2);
    expect(slots.getUp(2)).toBe(true);
    expect(slots.getUp(2)).toBe(false);
    expect(slots.wakeOne()).toBe(false);
  });
});

test('one message wakes the loop, and it sees each marked slot once', () => {
  const slots = made();
  const seen: number[] = [];
  expect([slots.mark(39), slots.mark(0), slots.mark(31), slots.mark(0)]).toEqual([true, false, false, false]);
  expect(slots.called).toBe(true);
  slots.changed((slot) => seen.push(slot));
  expect(seen).toEqual([0, 31, 39]);
  expect(slots.called).toBe(false);
  slots.changed((slot) => seen.push(slot));
  expect(seen).toHaveLength(3);
  expect(slots.mark(0)).toBe(true);
});

test('closing is seen, and every bell rings', () => {
  const slots = made(3);
  slots.shut();
  expect(slots.closing).toBe(true);
  expect([0, 1, 2].map((thread) => Atomics.load(slots.words, slots.bell(thread)))).toEqual([1, 1, 1]);
});
