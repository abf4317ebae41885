// The head that an app gives to startResponse, spelling by spelling.
import { expect, test } from 'vitest';

import { ContractError } from '../../../src/core/errors.ts';
import { checkHead } from '../../../src/sync/response-head.ts';

/** The clause by which a head is refused. */
function head(status: unknown, headers: unknown): unknown {
  try {
    checkHead(status, headers);
    return undefined;
  } catch (error) {
    return error instanceof ContractError ? error.clause : error;
  }
}

test.each([
  '200',
  '2000 OK',
  '20 OK',
  '200  OK',
  '200 OK\r\n',
  ' 200 OK',
  '200 OK ',
  '200 O\u0000K',
  '200 \u20ac',
  '100 Continue',
  '099 X',
  '',
  200,
  null,
  undefined,
])('[W-51] the status %j is refused', (status) => expect(head(status, [])).toBe('W-51'));

test.each(['200 OK', '404 Not Found', '599 Any thing', '999 X', '200 \u00e9', '418 I’m'.replace('’', "'")])(
  '[W-51] the status %j is taken',
  (status) => expect(head(status, [])).toBeUndefined(),
);

test.each([
  [null],
  [undefined],
  [{}],
  ['a: b'],
  [new Map()],
  [[['a']]],
  [[['a', 'b', 'c']]],
  [['ab']],
  [[['a', 1]]],
  [[[1, 'a']]],
  [[['a', null]]],
  [[null]],
  [[['a', ['b']]]],
])('[W-52] the headers %j are refused', (headers) => expect(head('200 OK', headers)).toBe('W-52'));

test.each(['', 'a b', 'a:', 'a\r\nb', 'caf\u00e9', 'Status', 'status', 'a-', 'a_', '(a)', 'a\u0000'])(
  '[W-53] the header name %j is refused',
  (name) => expect(head('200 OK', [[name, 'x']])).toBe('W-53'),
);

test.each(['a\rb', 'a\nb', 'a\r\nSet-Cookie: x', '\u0000', 'a\tb', '\u007f', '\u0100', '\u20ac'])(
  '[W-54] the header value %j is refused',
  (value) => expect(head('200 OK', [['X', value]])).toBe('W-54'),
);

test.each(['', 'a', ' a ', '\u00e9', '"quoted"; x=1'])('[W-54] the header value %j is taken', (value) =>
  expect(head('200 OK', [['X-Y', value]])).toBeUndefined(),
);

test.each([
  'Connection',
  'keep-alive',
  'Transfer-Encoding',
  'TE',
  'Trailer',
  'Upgrade',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'Proxy-Connection',
])('[W-55] the hop-by-hop header %s is refused', (name) =>
  expect(head('200 OK', [[name, 'x']])).toBe('W-55'),
);

test.each(['x', '-1', '1.5', '1, 1', '', '0x1', '9'.repeat(20)])(
  '[W-79] the Content-Length %j is refused',
  (value) => expect(head('200 OK', [['Content-Length', value]])).toBe('W-79'),
);

test('[W-79] two Content-Lengths are refused', () => {
  expect(
    head('200 OK', [
      ['Content-Length', '1'],
      ['content-length', '1'],
    ]),
  ).toBe('W-79');
});

test('many spellings are as good as few', () => {
  for (let index = 0; index < 5000; index++) {
    expect(head(`200 Reason ${index}`, [[`X-${index}`, 'x']])).toBeUndefined();
  }
  expect(head('200', [])).toBe('W-51');
});
