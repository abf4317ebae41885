// Scope to environ, key by key.
import { expect, test } from 'vitest';

import type { HttpScope } from '../../../src/async/interface.ts';
import { environFromScope } from '../../../src/bridge/environ-from-scope.ts';
import { scopeFromEnviron } from '../../../src/bridge/scope-from-environ.ts';
import { Dialogue } from './dialogue.ts';

const environOf = (scope: Partial<HttpScope>): ReturnType<typeof environFromScope> =>
  environFromScope({ ...new Dialogue().scope, ...scope });

test.each([
  ['', '/', '', '/'],
  ['', '', '', ''],
  ['/api', '/api', '/api', ''],
  ['/api', '/api/', '/api', '/'],
  ['/api', '/api/users', '/api', '/users'],
  ['/api/', '/api/users', '/api', '/users'],
  ['/', '/users', '', '/users'],
  // a proxy has cut the prefix off
  ['/api', '/users', '/api', '/users'],
  // no boundary
  ['/api', '/apiary', '/api', '/apiary'],
])('[W-06] root_path "%s" and path "%s"', (root_path, path, SCRIPT_NAME, PATH_INFO) => {
  expect(environOf({ root_path, path })).toMatchObject({ SCRIPT_NAME, PATH_INFO });
});

test('[W-07] [A-93] text becomes octets, one character each', () => {
  const { PATH_INFO, SCRIPT_NAME } = environOf({ root_path: '/é', path: '/é/日本', raw_path: '/%C3%A9/x' });
  expect(SCRIPT_NAME).toBe('/\u00c3\u00a9');
  expect(PATH_INFO).toHaveLength(7);
  expect(Buffer.from(PATH_INFO, 'latin1').toString()).toBe('/日本');
});

test.each([
  { server: ['/run/app.sock', null], SERVER_NAME: 'localhost', SERVER_PORT: '80' },
  { server: ['/run/app.sock', null], scheme: 'https', SERVER_NAME: 'localhost', SERVER_PORT: '443' },
  { server: null, SERVER_NAME: 'localhost', SERVER_PORT: '80' },
  { server: ['::1', 8000], SERVER_NAME: '[::1]', SERVER_PORT: '8000' },
] as const)('[W-10] names are strings: $server', ({ SERVER_NAME, SERVER_PORT, ...scope }) => {
  expect(environOf(scope)).toMatchObject({ SERVER_NAME, SERVER_PORT });
});

test.each([
  ['1.0', 'HTTP/1.0'],
  ['1.1', 'HTTP/1.1'],
  ['2', 'HTTP/2'],
] as const)('[W-11] http_version %s is %s', (http_version, SERVER_PROTOCOL) => {
  expect(environOf({ http_version }).SERVER_PROTOCOL).toBe(SERVER_PROTOCOL);
  expect(scopeFromEnviron(environOf({ http_version })).http_version).toBe(http_version);
});

test('[W-09] [W-12] [W-23] headers', () => {
  const environ = environOf({
    headers: [
      ['content-type', 'a/b'],
      ['content-length', '3'],
      ['accept', 'one'],
      ['accept', 'two'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['x_accept', 'spoof'],
    ],
  });
  expect(Object.keys(environ).filter((key) => /^(HTTP_|CONTENT_)/.test(key))).toEqual([
    'CONTENT_TYPE',
    'CONTENT_LENGTH',
    'HTTP_ACCEPT',
    'HTTP_COOKIE',
  ]);
  expect(environ).toMatchObject({ HTTP_ACCEPT: 'one,two', HTTP_COOKIE: 'a=1; b=2' });
});

test('[W-13] what is missing is left out', () => {
  const environ = environOf({ client: null });
  expect('REMOTE_ADDR' in environ || 'HTTPS' in environ || 'CONTENT_TYPE' in environ).toBe(false);
  const plain = Object.entries(environ).filter(([key]) => !key.includes('.'));
  expect(plain.filter(([, value]) => typeof value !== 'string')).toEqual([]);
});

test('[W-03] each is fresh', () => {
  const { scope } = new Dialogue();
  environFromScope(scope)['HTTP_ADDED'] = 'by an app';
  expect(environFromScope(scope)).not.toHaveProperty('HTTP_ADDED');
});

test('[W-17] https', () => {
  expect(environOf({ scheme: 'https' })).toMatchObject({ HTTPS: 'on', 'wsgi.url_scheme': 'https' });
});

test('[B-12] there and back again', () => {
  const scope: Partial<HttpScope> = {
    method: 'POST',
    scheme: 'https',
    root_path: '/möunt',
    path: '/möunt/a b',
    raw_path: '/m%C3%B6unt/a%20b',
    query_string: 'q=%20&r',
    headers: [
      ['host', 'example.org'],
      ['content-type', 'text/plain'],
      ['x-request-id', '7'],
    ],
    client: ['::1', 4711],
    server: ['::1', 8000],
  };
  expect(scopeFromEnviron(environOf(scope))).toEqual({ type: 'http', http_version: '1.1', ...scope });
});
