// Sync or async: what each make of function is taken for, and what is refused.
import { expect, test } from 'vitest';

import type { AnyApp } from '../../../src/core/load.ts';
import { knownApp } from '../../../src/serve/kind.ts';

const it = 'app.ts:app';

test.each<[string, AnyApp, string, string]>([
  [
    'two parameters',
    (environ: never, startResponse: never) => [environ, startResponse],
    'sync',
    '(environ, startResponse)',
  ],
  [
    'a generator of two',
    function* app(environ: never, startResponse: never) {
      yield [environ, startResponse];
    },
    'sync',
    '(environ, startResponse)',
  ],
  [
    'three parameters',
    (scope: never, receive: never, send: never) => [scope, receive, send],
    'async',
    '(scope, receive, send)',
  ],
  [
    'an async function of three',
    async (scope: never, receive: never, send: never) => [scope, receive, send],
    'async',
    '(scope, receive, send)',
  ],
  ['an async function of a rest', async (...all: never[]) => all, 'async', '(...all)'],
  [
    'an async function of two',
    async (scope: never, receive: never) => [scope, receive],
    'async',
    '(scope, receive)',
  ],
  ['an async function of one', async (scope: never) => scope, 'async', '(scope)'],
  [
    'a bound function of two',
    ((environ: never, start: never) => [environ, start]).bind(null),
    'sync',
    '2 parameters',
  ],
  [
    'a method',
    {
      app(environ: never, start: never) {
        return [environ, start];
      },
    }.app,
    'sync',
    '(environ, start)',
  ],
])('%s', (_, app, kind, takes) => {
  expect(knownApp(app, it, 'auto')).toMatchObject({ kind, takes, shown: it, app });
});

test.each<[string, AnyApp, string]>([
  ['none', () => [], 'it takes (), an app takes'],
  ['one', (request: never) => request, 'or --factory where it makes the app'],
  [
    'four',
    (a: never, b: never, c: never, d: never) => [a, b, c, d],
    'it takes (a, b, c, d), an app takes (environ, startResponse) or async (scope, receive, send); say --interface sync or --interface async',
  ],
  [
    'an async function of two',
    async (environ: never, start: never) => [environ, start],
    'it is an async function of (environ, start)',
  ],
  [
    'an async generator',
    async function* app(a: never, b: never) {
      yield [a, b];
    },
    'it is an async generator function',
  ],
  ['a class', class App {} as unknown as AnyApp, 'it is a class'],
])('cannot tell: %s', (_, app, message) => {
  expect(() => knownApp(app, it, 'auto')).toThrow(`Cannot tell what kind of app "${it}" is: `);
  expect(() => knownApp(app, it, 'auto')).toThrow(message);
  expect(() => knownApp(app, it, 'auto')).toThrow(expect.objectContaining({ code: 'APP_KIND' }));
});

test('what was asked for decides where the function says nothing', () => {
  const any: AnyApp = (...all: never[]) => all;
  expect(knownApp(any, it, 'sync').kind).toBe('sync');
  expect(knownApp(any, it, 'async').kind).toBe('async');
});

test('what cannot be what was asked for is refused', () => {
  const later: AnyApp = async (...all: never[]) => all;
  expect(() => knownApp(later, it, 'sync')).toThrow(
    `Cannot run "${it}" as a sync app: it is an async function, a sync app returns its body itself`,
  );
  const generator: AnyApp = function* app() {};
  expect(() => knownApp(generator, it, 'async')).toThrow('as an async app: it is a generator function');
});
