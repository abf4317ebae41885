// call(): an app without a socket, as its own tests call it.
import { expect, test } from 'vitest';

import { call } from 'dualgate/sync/testing';

import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { Disconnected, HttpError } from '../../../src/core/errors.ts';
import { app as many } from './apps/many.ts';

const show: SyncApp = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return [Buffer.from(JSON.stringify(environ))];
};
const echo: SyncApp = (environ, startResponse) => {
  startResponse('201 Created Here', [
    ['Set-Cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ]);
  return [...environ['wsgi.input']];
};

test('a path is a request', () => {
  const answer = call(many, '/hello');
  expect([answer.status, answer.reason, answer.text(), answer.complete]).toEqual([
    200,
    'OK',
    'hello from test',
    true,
  ]);
  expect(answer.get('content-length')).toBe('15');
});

test('the environ is the one of a server', () => {
  const { environ } = call(show, {
    method: 'PUT',
    path: '/caf%C3%A9/\u00e9?a=1',
    query: { b: '2 3', c: '\u00e9' },
    headers: { 'X-One': ['1', '2'], Cookie: ['a=1', 'b=2'], 'Content-Type': 'text/plain' },
    body: 'gr\u00fc\u00dfe',
    scheme: 'https',
    client: ['::1', 1234],
    mount: '/api',
    environ: { 'app.user': 'ada', SERVER_NAME: 'gate.test' },
  });
  expect(environ).toMatchObject({
    REQUEST_METHOD: 'PUT',
    SCRIPT_NAME: '/api',
    PATH_INFO: '/caf\u00c3\u00a9/\u00c3\u00a9',
    QUERY_STRING: 'a=1&b=2+3&c=%C3%A9',
    RAW_URI: '/api/caf%C3%A9/%C3%A9?a=1&b=2+3&c=%C3%A9',
    CONTENT_TYPE: 'text/plain',
    CONTENT_LENGTH: '7',
    HTTP_HOST: 'localhost',
    HTTP_X_ONE: '1,2',
    HTTP_COOKIE: 'a=1; b=2',
    SERVER_NAME: 'gate.test',
    SERVER_PORT: '443',
    SERVER_PROTOCOL: 'HTTP/1.1',
    HTTPS: 'on',
    REMOTE_ADDR: '::1',
    REMOTE_PORT: '1234',
    'wsgi.url_scheme': 'https',
    'app.user': 'ada',
  });
  expect(Object.getPrototypeOf(environ)).toBe(Object.prototype);
});

test.each<[string, Parameters<typeof call>[1], string, unknown]>([
  ['text', { body: 'abc' }, 'abc', '3'],
  ['bytes', { body: Buffer.from('abc') }, 'abc', '3'],
  ['pieces', { body: ['a', Buffer.from('b'), '', 'c'] }, 'abc', undefined],
  ['json', { json: { a: 1 } }, '{"a":1}', '7'],
  ['none', {}, '', undefined],
])('a body of %s', (_name, request, text, length) => {
  const answer = call(echo, request);
  expect([answer.text(), answer.environ['CONTENT_LENGTH']]).toEqual([text, length]);
  expect(answer.environ.REQUEST_METHOD).toBe(text === '' ? 'GET' : 'POST');
  expect(answer.all('Set-Cookie')).toEqual(['a=1', 'b=2']);
});

test('pieces of a body come when the app reads them', () => {
  const log: string[] = [];
  function* body(): Generator<string> {
    for (const piece of ['one', 'two']) {
      log.push(`sent ${piece}`);
      yield piece;
    }
    throw new Disconnected('the client left');
  }
  const app: SyncApp = (environ, startResponse) => {
    log.push(`read ${Buffer.from(environ['wsgi.input'].read(3))}`);
    log.push(`read ${Buffer.from(environ['wsgi.input'].read(3))}`);
    startResponse('200 OK', []);
    return [environ['wsgi.input'].read()];
  };
  expect(() => call(app, { body: body() })).toThrow(Disconnected);
  expect(log).toEqual(['sent one', 'read one', 'sent two', 'read two']);
});

test('pieces of an answer are kept as they left, and are copies', () => {
  const shared = Buffer.alloc(1);
  function* app(_environ: Environ, startResponse: StartResponse): Generator<Uint8Array> {
    startResponse('200 OK', [])(Buffer.from('w'));
    for (const letter of 'abc') yield shared.fill(letter);
    yield Buffer.alloc(0);
  }
  const { pieces, complete } = call(app);
  expect([pieces.map(String), complete]).toEqual([['w', 'a', 'b', 'c'], true]);
});

function endless(log: string[]): SyncApp {
  return (environ, startResponse): ResponseBody => {
    startResponse('200 OK', []);
    return {
      *[Symbol.iterator]() {
        for (;;) yield Buffer.from('tick ');
      },
      close: () => void log.push(`closed, gone ${environ['dualgate.client_disconnected']?.()}`),
    };
  };
}

test('[W-84] a limit ends an endless body, and close() runs once', () => {
  const log: string[] = [];
  const answer = call(endless(log), { limit: 12 });
  expect([answer.text(), answer.complete, answer.closed]).toEqual(['tick tick ti', false, true]);
  expect(log).toEqual(['closed, gone true']);
});

test('an endless body without a limit fails', () => {
  const log: string[] = [];
  const app = endless(log);
  const large: SyncApp = (environ, startResponse) => {
    const body = app(environ, startResponse);
    return Object.assign(body, { [Symbol.iterator]: () => forEver(Buffer.alloc(2 ** 20)) });
  };
  expect(() => call(large)).toThrow(/more than 67108864 bytes: give a limit/);
  expect(log).toHaveLength(1);
  const empty: SyncApp = (_environ, startResponse) => {
    startResponse('200 OK', []);
    return forEver(Buffer.alloc(0));
  };
  expect(() => call(empty)).toThrow(/more than 1000000 pieces/);
});

function* forEver(piece: Uint8Array): Generator<Uint8Array> {
  for (;;) yield piece;
}

test('a limit reaches write() too', () => {
  const app: SyncApp = (_environ, startResponse) => {
    const write = startResponse('200 OK', []);
    for (;;) write(Buffer.from('x'));
  };
  expect(call(app, { limit: 3 })).toMatchObject({ complete: false, closed: false, error: null });
});

test('wsgi.errors, early hints and HEAD', () => {
  const app: SyncApp = (environ, startResponse) => {
    environ['wsgi.errors'].write('one\ntw');
    environ['wsgi.errors'].write('o');
    environ['wsgi.early_hints']?.([['Link', '</a.css>; rel=preload']]);
    startResponse('200 OK', []);
    return [Buffer.from('body')];
  };
  const answer = call(app, { method: 'HEAD' });
  expect([answer.errors, answer.body.length, answer.get('content-length')]).toEqual(['one\ntwo\n', 0, '4']);
  expect(answer.hints).toEqual([[['Link', '</a.css>; rel=preload']]]);
  expect(call(app, { version: '1.0' }).hints).toEqual([]);
});

test('what the app throws is thrown; with catchErrors it is a 500, or a short answer', () => {
  const fault = new Error('fault');
  const before: SyncApp = () => {
    throw fault;
  };
  function* behind(_environ: Environ, startResponse: StartResponse): Generator<Uint8Array> {
    startResponse('200 OK', []);
    yield Buffer.from('begun');
    throw fault;
  }
  const full: SyncApp = () => {
    throw new HttpError(413, 'too much');
  };
  expect(() => call(before)).toThrow(fault);
  expect(() => call(behind)).toThrow(fault);
  const options = { catchErrors: true };
  expect(call(before, options)).toMatchObject({ status: 500, complete: true, error: fault });
  expect(call(full, options)).toMatchObject({ status: 413, reason: 'Content Too Large' });
  const short = call(behind, options);
  expect([short.status, short.text(), short.complete, short.error]).toEqual([200, 'begun', false, fault]);
});

test('[W-64][W-58] an app that breaks the contract hears which clause', () => {
  expect(() => call(() => [])).toThrow(/\[W-64\]/);
  expect(() => call((async () => []) as unknown as SyncApp)).toThrow(/async function/);
});

test('under lint, what a server lets pass is said', () => {
  const log: string[] = [];
  const app: SyncApp = (environ, startResponse) => {
    environ['wsgi.input'].readline(0);
    startResponse('200 OK', []); // no Content-Type
    return Object.assign([Buffer.from('x')], { close: () => void log.push('closed') });
  };
  expect(call(app)).toMatchObject({ status: 200, errors: '', closed: true });
  expect(() => call(app, { lint: true })).toThrow(/Content-Type.*\[V-22\]/);
  const fine: SyncApp = (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from('x')];
  };
  expect(call(fine, { lint: true })).toMatchObject({
    status: 200,
    complete: true,
    errors: '',
    closed: false,
  });
});

test.each<[string, Parameters<typeof call>[1], RegExp]>([
  ['a path without "/"', 'hello', /begins with "\/"/],
  ['a path with a blank', '/a b', /percent-encoded/],
  ['a line end in a path', '/a\r\nb', /percent-encoded/],
  ['a method', { method: 'A B' }, /the method/],
  ['a header name', { headers: { 'a b': 'c' } }, /the header name/],
  ['a header value', { headers: { a: 'b\r\nc' } }, /bad value/],
  ['two bodies', { body: '', json: 1 }, /not both/],
  ['a mount', { mount: '/a/' }, /the mount/],
])('%s that no client could send is refused', (_name, request, why) => {
  expect(() => call(show, request)).toThrow(why);
});
