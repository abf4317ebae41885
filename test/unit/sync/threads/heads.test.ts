// Heads in a slot's bytes: there and back.
import { expect, test } from 'vitest';

import type { EnvironData, ResponseHeaders } from '../../../../src/sync/interface.ts';
import { decodeEnviron, decodeHead, encodeEnviron, encodeHead } from '../../../../src/sync/threads/heads.ts';
import { TestCall } from '../carrier.ts';

const region = (size = 4096): Buffer => Buffer.from(new SharedArrayBuffer(size));

function there(environ: EnvironData, size?: number): EnvironData | null {
  const bytes = region(size);
  const length = encodeEnviron(environ, bytes);
  return length < 0 ? null : decodeEnviron(bytes, length);
}

test('an environ comes back as it was: known keys, new ones, octets, flags', () => {
  const { environ } = new TestCall({
    path: '/caf\u00c3\u00a9\u0000',
    query: '',
    headers: { 'x-new': '\u00ff', cookie: '' },
  });
  environ['deployer.key'] = 'text';
  environ['deployer.flag'] = true;
  environ['SSL_CIPHER'] = 'x';
  expect(there(environ)).toEqual(environ);
});

test('[W-03] each is a plain object of its own, and what is missing is left out', () => {
  const { environ } = new TestCall();
  delete environ.CONTENT_TYPE;
  environ['HTTP_X'] = undefined;
  const one = there(environ);
  expect(one && Object.getPrototypeOf(one)).toBe(Object.prototype);
  expect(one && 'HTTP_X' in one).toBe(false);
  expect(there(environ)).not.toBe(one);
});

test('what does not fit, and what is no text, goes another way', () => {
  const { environ } = new TestCall({ headers: { 'x-big': 'x'.repeat(5000) } });
  expect(there(environ)).toBeNull();
  expect(there(environ, 8192)).toEqual(environ);
  expect(there({ ...environ, 'deployer.object': {} }, 8192)).toBeNull();
  expect(there({ ...environ, 'deployer.text': '\u20ac' }, 8192)).toBeNull();
});

test('a response head comes back as it was', () => {
  const bytes = region();
  const headers: ResponseHeaders = [
    ['Content-Type', 'text/plain'],
    ['X-Empty', ''],
    ['Set-Cookie', 'a=\u00e9'],
    ['Set-Cookie', 'b=2'],
  ];
  const length = encodeHead('404 Not Found', headers, bytes);
  bytes.fill(0x78, length); // what a larger head left there before
  expect(decodeHead(bytes, length)).toEqual({ status: '404 Not Found', headers });
  expect(encodeHead('200 OK', [['X-Big', 'x'.repeat(5000)]], bytes)).toBe(-1);
  expect(decodeHead(bytes, encodeHead('200 OK', [], bytes))).toEqual({ status: '200 OK', headers: [] });
});
