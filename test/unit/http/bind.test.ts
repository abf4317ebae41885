// Where to listen, as people write it.
import { expect, test } from 'vitest';

import { GatewayError } from '../../../src/core/errors.ts';
import { parseBind, urlOf } from '../../../src/http/bind.ts';

test.each([
  ['127.0.0.1:8000', '127.0.0.1', 8000],
  ['127.0.0.1:0', '127.0.0.1', 0],
  ['0.0.0.0:65535', '0.0.0.0', 65_535],
  ['localhost:80', 'localhost', 80],
  ['my-host.example.org:8080', 'my-host.example.org', 8080],
  ['a1:9', 'a1', 9],
  ['[::1]:8000', '::1', 8000],
  ['[::]:0', '::', 0],
  ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1],
  [':8000', '127.0.0.1', 8000],
  ['8000', '127.0.0.1', 8000],
  ['0', '127.0.0.1', 0],
  [':0', '127.0.0.1', 0],
])('"%s"', (text, host, port) => {
  expect(parseBind(text)).toEqual({ kind: 'tcp', host, port });
});

test.each([
  ['unix:/run/app.sock', '/run/app.sock'],
  ['unix:app.sock', 'app.sock'],
  ['unix:/with space:1', '/with space:1'],
])('"%s"', (text, path) => {
  expect(parseBind(text)).toEqual({ kind: 'unix', path });
});

test.each([
  '',
  ':',
  'unix:',
  '127.0.0.1:',
  'localhost:http',
  'localhost:65536',
  '65536',
  'localhost:-1',
  'localhost:80:80',
  'local host:80',
  '::1',
  '::1:8000',
  '[::1',
  '[::1]8000',
  '[]:80',
  '[nonsense]:80',
  'http://localhost:80',
  'localhost:80/',
  'user@localhost:80',
  '127.0.0.1:8000 ',
  'localhost:1e3',
  'localhost:0x50',
])('"%s" is refused in one line that shows it', (text) => {
  let error: unknown;
  try {
    parseBind(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(GatewayError);
  expect(error).toMatchObject({ code: 'USAGE', message: expect.stringContaining(`"${text}"`) });
});

test('urlOf', () => {
  expect(urlOf(['127.0.0.1', 8000])).toBe('http://127.0.0.1:8000');
  expect(urlOf(['::1', 8000])).toBe('http://[::1]:8000');
  expect(urlOf(['localhost', 443], true)).toBe('https://localhost:443');
  expect(urlOf(['/run/app.sock', null])).toBe('unix:/run/app.sock');
});
