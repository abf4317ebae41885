// Errors across the bridge: what of them arrives.
import { expect, test } from 'vitest';

import { carry, restore, revive } from '../../../src/core/failure.ts';
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

const back = (error: unknown): Error => restore(structuredClone(carry(error)));

test('our own errors keep their class, their words and where they were thrown', () => {
  const cause = new TypeError('The reason');
  const given = [
    new GatewayError('TIMEOUT', 'Too late', { cause }),
    new ContractError('W-58', 'Twice', { cause }),
    new HttpError(413, 'Too large', { cause }),
    new Disconnected('Gone', { cause }),
  ];
  for (const error of given) {
    const other = back(error);
    expect(other).toBeInstanceOf(error.constructor);
    expect({ ...other }).toEqual({ ...error });
    expect([other.message, other.stack]).toEqual([error.message, error.stack]);
    expect(other.cause).toMatchObject({ name: 'TypeError', message: 'The reason' });
  }
});

test('others are errors of the same name, and what is no error becomes one', () => {
  const error = new RangeError('Out of it');
  expect(back(error)).toMatchObject({ name: 'RangeError', message: 'Out of it', stack: error.stack });
  expect(back('text').message).toBe('Thrown: text');
  const circle = new Error('Around');
  circle.cause = circle;
  expect(back(circle).message).toBe('Around');
});
