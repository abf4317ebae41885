import { expect, test } from 'vitest';

import { decodePath, httpScope, webSocketScope } from '../../../src/async/scope.ts';
import type { HeaderList } from '../../../src/core/bytes.ts';
import type { Exchange } from '../../../src/http/exchange.ts';
import type { RequestHead } from '../../../src/http/head.ts';

interface Asked extends Partial<Omit<Exchange, 'head'>> {
  head?: Partial<RequestHead>;
}

/** The part of an exchange that a scope is made of: plain data. */
function asked({ head: asked = {}, ...rest }: Asked = {}): Exchange {
  const headers: HeaderList = asked.headers ?? [];
  const all = (name: string) => headers.filter(([key]) => key === name).map(([, value]) => value);
  const head: RequestHead = {
    method: 'GET',
    target: '/',
    path: '/',
    query: '',
    version: '1.1',
    headers,
    get: (name) => (all(name).length > 0 ? all(name).join(', ') : undefined),
    all,
    has: (name) => all(name).length > 0,
    ...asked,
  };
  const exchange: Partial<Exchange> = { id: 'x1', head, secure: false, client: null, server: null, ...rest };
  // A scope reads nothing of an exchange but what is here.
  return exchange as Exchange;
}

const here = { state: {}, lane: 'loop' };
const never = new AbortController().signal;

test('every key is there', () => {
  const scope = httpScope(asked({ client: ['127.0.0.1', 5000], server: ['127.0.0.1', 8000] }), here);
  expect(scope).toEqual({
    type: 'http',
    asgi: { version: '3.0', spec_version: '2.5' },
    http_version: '1.1',
    method: 'GET',
    scheme: 'http',
    path: '/',
    raw_path: '/',
    query_string: '',
    root_path: '',
    headers: [],
    client: ['127.0.0.1', 5000],
    server: ['127.0.0.1', 8000],
    state: {},
    extensions: {
      'dualgate.lane': { name: 'loop' },
      'dualgate.request': {},
      'dualgate.disconnect': {},
    },
  });
});

test('[A-12] a scope is fresh for each request', () => {
  const first = httpScope(asked(), here);
  const second = httpScope(asked(), here);
  expect(first.asgi).not.toBe(second.asgi);
  expect(first.extensions).not.toBe(second.extensions);
  expect(first.extensions['dualgate.lane']).not.toBe(second.extensions['dualgate.lane']);
});

test('[A-20] http_version is that of the request', () => {
  expect(httpScope(asked({ head: { version: '1.0' } }), here).http_version).toBe('1.0');
});

test('[A-21] method is upper case, scheme is https over TLS', () => {
  const scope = httpScope(asked({ head: { method: 'get' }, secure: true }), here);
  expect([scope.method, scope.scheme]).toEqual(['GET', 'https']);
});

test('[A-23] path is percent-decoded UTF-8', () => {
  expect(decodePath('/caf%C3%A9')).toBe('/café');
  expect(decodePath('/a%2Fb%20c')).toBe('/a/b c');
  expect(decodePath('/caf\u00c3\u00a9')).toBe('/café');
  expect(decodePath('/100%')).toBe('/100%');
  expect(decodePath('*')).toBe('*');
});

test('[A-23] a path that is not UTF-8 is refused with 400', () => {
  for (const path of ['/%ff', '/%C3', '/caf\u00e9'])
    expect(() => httpScope(asked({ head: { path } }), here)).toThrow(
      expect.objectContaining({ status: 400 }),
    );
});

test('[A-24] raw_path keeps the octets', () => {
  expect(httpScope(asked({ head: { path: '/a%2Fb%c3%a9' } }), here).raw_path).toBe('/a%2Fb%c3%a9');
});

test('[A-25] query_string is raw', () => {
  expect(httpScope(asked({ head: { query: 'a=%20&b=+' } }), here).query_string).toBe('a=%20&b=+');
});

test('[A-27] headers keep order and repeats', () => {
  const headers: HeaderList = [
    ['cookie', 'a=1'],
    ['x', 'y'],
    ['cookie', 'b=2'],
  ];
  expect(httpScope(asked({ head: { headers } }), here).headers).toEqual(headers);
});

test('[A-28] server may be a path and null, client null', () => {
  const scope = httpScope(asked({ server: ['/run/app.sock', null] }), here);
  expect([scope.server, scope.client]).toEqual([['/run/app.sock', null], null]);
});

test("[A-29] state is a shallow copy of the lifespan's", () => {
  const state = { pool: { size: 1 } };
  const first = httpScope(asked(), { state, lane: 'loop' });
  first.state['mine'] = true;
  const second = httpScope(asked(), { state, lane: 'loop' });
  expect(second.state).toEqual({ pool: { size: 1 } });
  expect(second.state['pool']).toBe(first.state['pool']);
});

test('[A-11] the disconnect signal is made when it is asked for, and not before', () => {
  let made = 0;
  const exchange = asked();
  Object.defineProperty(exchange, 'gone', {
    get: () => {
      made++;
      return never;
    },
  });
  const scope = httpScope(exchange, here);
  const copy = { ...scope, path: '/b' };
  expect(made).toBe(0);
  expect(copy.extensions['dualgate.disconnect']?.['signal']).toBe(never);
  expect(made).toBe(1);
});

test('[A-50] a websocket scope has scheme ws or wss, its subprotocols as a list, and no method', () => {
  const headers: HeaderList = [
    ['sec-websocket-protocol', 'chat.v2, chat.v1'],
    ['sec-websocket-protocol', 'json'],
  ];
  const scope = webSocketScope(asked({ head: { headers } }), { ...here, session: { gone: never } });
  expect(scope).toMatchObject({
    type: 'websocket',
    scheme: 'ws',
    http_version: '1.1',
    subprotocols: ['chat.v2', 'chat.v1', 'json'],
    extensions: { 'websocket.http.response': {}, 'dualgate.disconnect': { signal: never } },
  });
  expect('method' in scope).toBe(false);
  expect(webSocketScope(asked({ secure: true }), { ...here, session: { gone: never } }).scheme).toBe('wss');
});
