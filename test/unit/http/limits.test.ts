// Limits as code gives them: a name that is none, and a value that limits nothing, are refused at the door.
import { expect, test } from 'vitest';

import { defaultLimits, type Limits, limitsOf } from '../../../src/http/limits.ts';
import { Listener } from '../../../src/http/listener.ts';

test('the given ones go over the defaults', () => {
  expect(limitsOf({ maxBody: 5, underscores: 'allow' })).toEqual({
    ...defaultLimits,
    maxBody: 5,
    underscores: 'allow',
  });
  expect(limitsOf()).toEqual(defaultLimits);
});

test.each<[string, unknown, RegExp]>([
  ['maxBody', '1MiB', /Cannot take the limit maxBody 1MiB: it is a number/],
  ['maxTarget', Number.NaN, /maxTarget NaN/],
  ['maxHead', -1, /maxHead -1/],
  ['maxBody', undefined, /maxBody undefined/],
  ['maxHed', 5, /there is none of that name, but maxHead, /],
  ['underscores', 'maybe', /it is drop, refuse or allow/],
])('%s: %s is refused', (name, value, message) => {
  // JavaScript passes what the types do not.
  const limits = { [name]: value } as Partial<Limits>;
  expect(() => limitsOf(limits)).toThrow(message);
  expect(() => new Listener({ handler: async () => {}, limits })).toThrow(message);
});
