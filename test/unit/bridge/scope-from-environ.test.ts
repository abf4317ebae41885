// Environ to scope, key by key.
import { expect, test } from 'vitest';

import { scopeFromEnviron } from '../../../src/bridge/scope-from-environ.ts';
import { environ } from './played.ts';

const scopeOf = (more: Record<string, unknown>): ReturnType<typeof scopeFromEnviron> =>
  scopeFromEnviron(environ({ environ: more }));

test.each([
  ['', '/', '', '/'],
  ['/api', '', '/api', '/api'],
  ['/api', '/users', '/api', '/api/users'],
  ['/\u00c3\u00a9', '/\u00c3\u00a9', '/é', '/é/é'],
])('[A-26] SCRIPT_NAME "%s" and PATH_INFO "%s"', (SCRIPT_NAME, PATH_INFO, root_path, path) => {
  expect(scopeOf({ SCRIPT_NAME, PATH_INFO })).toMatchObject({ root_path, path });
});

test('[A-23] octets that are not UTF-8 are a 400', () => {
  expect(() => scopeOf({ PATH_INFO: '/\u00e9' })).toThrow(expect.objectContaining({ status: 400 }));
});

test.each([
  [{ RAW_URI: '/a%2Fb?x=1', PATH_INFO: '/a/b' }, '/a%2Fb'],
  [{ RAW_URI: 'http://host/a', PATH_INFO: '/a' }, '/a'],
  [{ SCRIPT_NAME: '/\u00c3\u00a9', PATH_INFO: '/a b?' }, '/%C3%A9/a%20b%3F'],
])('[A-24] raw_path of %o is %s', (more, raw_path) => {
  expect(scopeOf(more).raw_path).toBe(raw_path);
});

test('[A-27] headers are in lower case, with "-"', () => {
  const more = { HTTP_X_ONE_TWO: 'a,b', CONTENT_TYPE: 't', CONTENT_LENGTH: '3', HTTPS: 'on', 'http.x': 'no' };
  expect(scopeOf(more).headers).toEqual([
    ['x-one-two', 'a,b'],
    ['content-type', 't'],
    ['content-length', '3'],
  ]);
});

test('[A-28] client and server are pairs with a number, client null where it is unknown', () => {
  expect(scopeOf({ SERVER_NAME: '[::1]', SERVER_PORT: '8000' })).toMatchObject({
    client: null,
    server: ['::1', 8000],
  });
  expect(scopeOf({ REMOTE_ADDR: '::1', REMOTE_PORT: '50' }).client).toEqual(['::1', 50]);
  expect(scopeOf({ REMOTE_ADDR: '::1' }).client).toEqual(['::1', 0]);
});

test('[A-21] method is in upper case, scheme never empty', () => {
  expect(scopeOf({ REQUEST_METHOD: 'get', 'wsgi.url_scheme': 'https' })).toMatchObject({
    method: 'GET',
    scheme: 'https',
  });
  expect(scopeOf({ 'wsgi.url_scheme': '' }).scheme).toBe('http');
});

test('it is plain data: it crosses to a thread as it is', () => {
  const scope = scopeOf({ HTTP_HOST: 'h', REMOTE_ADDR: '1.2.3.4' });
  expect(structuredClone(scope)).toEqual(scope);
});
