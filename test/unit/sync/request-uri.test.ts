// URLs, built again.
import { expect, test } from 'vitest';

import { applicationUri, requestUri } from '../../../src/sync/request-uri.ts';

type Environ = Parameters<typeof requestUri>[0];

const plain = { 'wsgi.url_scheme': 'http', SERVER_NAME: 'gate.example', SERVER_PORT: '80' } as const;
const secure = { ...plain, 'wsgi.url_scheme': 'https', SERVER_PORT: '443' } as const;

test.each<[string, Partial<Environ>, string]>([
  ['nothing but a server', {}, 'http://gate.example/'],
  ['a port of its own', { SERVER_PORT: '8000' }, 'http://gate.example:8000/'],
  ['the other port', { SERVER_PORT: '443' }, 'http://gate.example:443/'],
  ['HTTPS', secure, 'https://gate.example/'],
  ['HTTPS on a port of its own', { ...secure, SERVER_PORT: '80' }, 'https://gate.example:80/'],
  ['a Host header', { HTTP_HOST: 'shop.example:81', SERVER_PORT: '9' }, 'http://shop.example:81/'],
  ['an empty Host header', { HTTP_HOST: '' }, 'http://gate.example/'],
  ['IPv6', { SERVER_NAME: '[::1]', SERVER_PORT: '8000' }, 'http://[::1]:8000/'],
  ['a path', { PATH_INFO: '/a/b' }, 'http://gate.example/a/b'],
  ['a mount and a path', { SCRIPT_NAME: '/api', PATH_INFO: '/x' }, 'http://gate.example/api/x'],
  ['a mount alone', { SCRIPT_NAME: '/api', PATH_INFO: '' }, 'http://gate.example/api'],
  ['octets', { SCRIPT_NAME: '/caf\u00c3\u00a9', PATH_INFO: '/\u00ff' }, 'http://gate.example/caf%C3%A9/%FF'],
  ['what a path may not have', { PATH_INFO: '/a b?c#d%\n' }, 'http://gate.example/a%20b%3Fc%23d%25%0A'],
  ['what it may', { PATH_INFO: "/~a;b=c,d:@!$&'()*+" }, "http://gate.example/~a;b=c,d:@!$&'()*+"],
  ['a query, as it is', { QUERY_STRING: 'a=%20&b=?' }, 'http://gate.example/?a=%20&b=?'],
  ['the whole server', { PATH_INFO: '*' }, 'http://gate.example/'],
])('[W-100] requestUri: %s', (_name, given, uri) => {
  expect(requestUri({ ...plain, ...given })).toBe(uri);
});

test('[W-100] requestUri leaves the query out where it is told to', () => {
  const given = { ...plain, PATH_INFO: '/x', QUERY_STRING: 'a=1' };
  expect(requestUri(given, { query: false })).toBe('http://gate.example/x');
});

test.each<[Partial<Environ>, string]>([
  [{ PATH_INFO: '/x', QUERY_STRING: 'a=1' }, 'http://gate.example/'],
  [{ SCRIPT_NAME: '/api v1', PATH_INFO: '/x' }, 'http://gate.example/api%20v1'],
  [{ ...secure, HTTP_HOST: 'shop.example' }, 'https://shop.example/'],
])('[W-100] applicationUri of %j is %s', (given, uri) => {
  expect(applicationUri({ ...plain, ...given })).toBe(uri);
});
