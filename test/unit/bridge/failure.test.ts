// Errors across the bridge: what of them arrives.
import { expect, test } from 'vitest';

import { carry, revive } from '../../../src/bridge/failure.ts';
import { ContractError, Disconnected, GatewayError, HttpError } from '../../../src/core/errors.ts';

const across = (error: unknown): Error => revive(structuredClone(carry(error)));

test.each([
  new Disconnected(),
  new HttpError(413, 'too much'),
  new ContractError('W-58', 'twice'),
  new GatewayError('APP_LOAD', 'no such app'),
])('[B-07] our own errors keep their class and what they say: %s', (error) => {
  const other = across(error);
  expect(other).toBeInstanceOf(error.constructor);
  expect(other).toEqual(error);
  expect({ ...other }).toEqual({ ...error });
});

test('[B-07] others keep name, message, plain properties and cause', () => {
  const error = Object.assign(new TypeError('open failed', { cause: new Error('below') }), {
    code: 'ENOENT',
    errno: -2,
    socket: {},
  });
  const other = across(error);
  expect(other).toMatchObject({ name: 'TypeError', message: 'open failed', code: 'ENOENT', errno: -2 });
  expect(other).not.toHaveProperty('socket');
  expect(other.cause).toMatchObject({ name: 'Error', message: 'below' });
  expect(String(other)).toBe('TypeError: open failed');
});

test('[B-07] the stack shows where it was thrown, then who called', () => {
  function thrower(): Error {
    return new RangeError('there');
  }
  const { stack } = revive(carry(thrower()), 'the other side');
  expect(stack).toMatch(
    /^RangeError: there\n.*at thrower.*--- thrown by the other side, called by ---\n.*failure\.test\.ts/s,
  );
});

test('what is no error, and a cause that leads back to itself, cross as well', () => {
  expect(across('just text').message).toBe('Thrown: just text');
  const error = new Error('round');
  error.cause = error;
  expect(across(error).message).toBe('round');
});
