// Errors as data: there and back, of the same class.
import { expect, test } from 'vitest';

import { ContractError, Disconnected, GatewayError, HttpError } from '../../../../src/core/errors.ts';
import { fromThrown, toThrown } from '../../../../src/sync/threads/thrown.ts';

const back = (error: unknown): Error => fromThrown(structuredClone(toThrown(error)));

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
