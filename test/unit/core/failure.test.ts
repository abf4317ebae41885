// Errors across the bridge: what of them arrives.
import { expect, test } from 'vitest';

import { carry, restore, revive } from '../../../src/core/failure.ts';
import { asError, ContractError, Disconnected, GatewayError, HttpError } from '../../../src/core/errors.ts';

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

test('what was thrown and is no error has no cause: itself least of all', () => {
  for (const thrown of [null, undefined, 0, 'text', { code: 1 }, Symbol('s')]) {
    expect(carry(thrown)).not.toHaveProperty('cause');
    expect(asError(thrown).cause).toBeUndefined();
  }
  expect(asError({ code: 1 }).message).toBe('Thrown: { code: 1 }');
  expect(carry(new Error('x', { cause: null })).cause?.message).toBe('Thrown: null');
});

const refuse = (): never => {
  throw new Error('Not to be looked at');
};
test.each([
  ['a message that is an object', Object.assign(new Error(), { message: { f() {} } })],
  ['a name that is a symbol', Object.assign(new Error('x'), { name: Symbol('odd') })],
  ['a stack that throws', Object.defineProperty(new Error('x'), 'stack', { get: refuse })],
  ['a stack that is a function', Object.defineProperty(new Error('x'), 'stack', { value: refuse })],
  ['a cause that throws', Object.defineProperty(new Error('x'), 'cause', { get: refuse })],
  ['a property that throws', Object.defineProperty(new Error('x'), 'y', { get: refuse, enumerable: true })],
  [
    'a proxy that throws',
    new Proxy(new Error('x'), { get: refuse, getPrototypeOf: refuse, ownKeys: refuse }),
  ],
  ['no prototype', Object.create(null)],
  ['a text that throws', { toString: refuse, [Symbol.toPrimitive]: refuse }],
])('an error with %s crosses, and throws nothing', (_, thrown) => {
  const failure = carry(new Error('Above', { cause: thrown }));
  expect(structuredClone(failure)).toEqual(failure);
  for (const one of [asError(thrown), back(thrown)]) {
    expect([typeof one.name, typeof one.message, typeof one.stack]).toEqual(['string', 'string', 'string']);
  }
});
