// Trace events: nobody listening costs nothing, several may listen, and one may leave.
import { expect, test } from 'vitest';

import { publish, subscribe, type TraceEvent, traced } from '../../../src/core/trace.ts';

test('events reach every listener until it leaves', () => {
  const event: TraceEvent = { at: 1, id: 'a', lane: 'loop', kind: 'first.byte' };
  const seen: string[] = [];
  expect(traced()).toBe(false);
  const first = subscribe(({ id }) => seen.push(`first ${id}`));
  const second = subscribe(({ id }) => seen.push(`second ${id}`));
  expect(traced()).toBe(true);
  publish(event);
  first();
  publish(event);
  second();
  publish(event);
  expect(seen).toEqual(['first a', 'second a', 'second a']);
  expect(traced()).toBe(false);
});
