// Heads of requests as environs.
import { expect, test } from 'vitest';

import type { HeaderList } from '../../../src/core/bytes.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import { environOf } from '../../../src/sync/environ.ts';
import type { EnvironData } from '../../../src/sync/interface.ts';

interface Given {
  method?: string;
  target?: string;
  path?: string;
  query?: string;
  version?: '1.0' | '1.1' | '2';
  headers?: HeaderList;
  secure?: boolean;
  client?: Exchange['client'];
  server?: Exchange['server'];
}

function environ(given: Given = {}): EnvironData {
  const { method = 'GET', path = '/', query = '', version = '1.1', headers = [], secure = false } = given;
  const head = { method, target: given.target ?? path, path, query, version, headers };
  // environOf reads these and nothing else of an exchange
  return environOf({
    id: 'r-1',
    head,
    secure,
    client: given.client === undefined ? ['192.0.2.7', 4711] : given.client,
    server: given.server === undefined ? ['127.0.0.1', 8000] : given.server,
  } as unknown as Exchange);
}

test('[W-03] a plain object, fresh each time', () => {
  const one = environ();
  expect(Object.getPrototypeOf(one)).toBe(Object.prototype);
  one.PATH_INFO = '/changed';
  one['HTTP_X'] = 'x';
  expect(environ().PATH_INFO).toBe('/');
  expect(environ()['HTTP_X']).toBeUndefined();
});

test('[W-04] the method as it was sent', () => {
  expect(environ({ method: 'PROPFIND' }).REQUEST_METHOD).toBe('PROPFIND');
  expect(environ({ method: 'get' }).REQUEST_METHOD).toBe('get');
});

test.each([
  ['/', '/'],
  ['/caf%C3%A9', '/caf\u00c3\u00a9'],
  ['/caf\u00c3\u00a9', '/caf\u00c3\u00a9'],
  ['/a%2Fb%20c', '/a/b c'],
  ['/100%', '/100%'],
  ['/%zz%4', '/%zz%4'],
  ['/%FF', '/\u00ff'],
  ['*', '*'],
])('[W-07] the path %j is PATH_INFO %j', (path, info) => {
  expect(environ({ path }).PATH_INFO).toBe(info);
});

test('[W-06] SCRIPT_NAME is empty, and PATH_INFO is not; an absolute target gives its path', () => {
  const given = environ({ target: 'http://other.example/a?b', path: '/a', query: 'b' });
  expect([given.SCRIPT_NAME, given.PATH_INFO, given.RAW_URI]).toEqual(['', '/a', 'http://other.example/a?b']);
});

test('[W-08] QUERY_STRING is raw, and there when there is none', () => {
  expect(environ({ query: 'a=%20&b=+' }).QUERY_STRING).toBe('a=%20&b=+');
  expect(environ().QUERY_STRING).toBe('');
});

test('[W-09] CONTENT_TYPE and CONTENT_LENGTH have no HTTP_ form', () => {
  const given = environ({
    headers: [
      ['content-type', 'text/plain'],
      ['content-length', '3'],
    ],
  });
  expect([given.CONTENT_TYPE, given.CONTENT_LENGTH]).toEqual(['text/plain', '3']);
  expect(Object.keys(given).filter((key) => key.startsWith('HTTP_'))).toEqual([]);
});

test.each<[Exchange['server'], boolean, string, string]>([
  [['127.0.0.1', 8000], false, '127.0.0.1', '8000'],
  [['::1', 8443], true, '[::1]', '8443'],
  [['/run/app.sock', null], false, 'localhost', '80'],
  [['/run/app.sock', null], true, 'localhost', '443'],
  [null, false, 'localhost', '80'],
])('[W-10] on %j, secure %j, the server is %j %j', (server, secure, name, port) => {
  const given = environ({ server, secure });
  expect([given.SERVER_NAME, given.SERVER_PORT]).toEqual([name, port]);
});

test.each([
  ['1.0', 'HTTP/1.0'],
  ['1.1', 'HTTP/1.1'],
  ['2', 'HTTP/2'],
] as const)('[W-11] version %s is %s', (version, protocol) =>
  expect(environ({ version }).SERVER_PROTOCOL).toBe(protocol),
);

test('[W-12] headers are HTTP_ variables; repeats are joined', () => {
  const given = environ({
    headers: [
      ['accept', 'a'],
      ['x-a', ''],
      ['cookie', 'a=1'],
      ['accept', 'b'],
      ['cookie', 'b=2'],
    ],
  });
  expect([given['HTTP_ACCEPT'], given['HTTP_COOKIE'], given['HTTP_X_A'], given['HTTP_HOST']]).toEqual([
    'a,b',
    'a=1; b=2',
    '',
    undefined,
  ]);
});

test('[W-13] keys without a dot hold strings; a client without an address leaves none', () => {
  const given = environ({ client: null, headers: [['x', 'y']] });
  expect('REMOTE_ADDR' in given || 'REMOTE_PORT' in given || 'HTTPS' in given).toBe(false);
  for (const [key, value] of Object.entries(given)) {
    if (!key.includes('.')) expect(value, key).toBeTypeOf('string');
  }
  const known = environ();
  expect([known.REMOTE_ADDR, known.REMOTE_PORT, known['SERVER_SOFTWARE']]).toEqual([
    '192.0.2.7',
    '4711',
    'dualgate/0.1.0',
  ]);
});

test('[W-14] wsgi.version is [1, 0], and cannot be changed for others', () => {
  const { 'wsgi.version': version } = environ();
  expect(version).toEqual([1, 0]);
  expect(Object.isFrozen(version)).toBe(true);
});

test('[W-15] wsgi.url_scheme, and HTTPS with it', () => {
  expect([environ()['wsgi.url_scheme'], environ().HTTPS]).toEqual(['http', undefined]);
  expect([environ({ secure: true })['wsgi.url_scheme'], environ({ secure: true }).HTTPS]).toEqual([
    'https',
    'on',
  ]);
});

test('[W-16] the flags are there; [W-38] wsgi.input_terminated is true', () => {
  expect(environ()).toMatchObject({
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'dualgate.request_id': 'r-1',
  });
});

test('[W-23] a name with an underscore is dropped, whatever comes first', () => {
  const given = environ({
    headers: [
      ['x_forwarded_for', 'spoof'],
      ['x-forwarded-for', 'real'],
      ['x_forwarded_for', 'spoof'],
      ['content_length', '5'],
      ['x-a_b', '1'],
    ],
  });
  expect(given['HTTP_X_FORWARDED_FOR']).toBe('real');
  expect(given.CONTENT_LENGTH).toBeUndefined();
  expect(Object.keys(given).filter((key) => key.startsWith('HTTP_'))).toEqual(['HTTP_X_FORWARDED_FOR']);
});

test('more names than are remembered are as good', () => {
  for (let index = 0; index < 3000; index++) {
    const given = Object.entries(environ({ headers: [[`x-${index}`, 'y']] }));
    expect(given.at(-1)).toEqual([`HTTP_X_${index}`, 'y']);
  }
});
