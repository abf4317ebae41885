// Octets as text: latin-1, UTF-8 and percent-encoding, there and back.
import { expect, test } from 'vitest';

import {
  byteStringToUtf8,
  concat,
  fromLatin1,
  fromUtf8,
  isByteString,
  latin1,
  percentDecode,
  utf8ToByteString,
} from '../../../src/core/bytes.ts';

test('every octet survives latin1 and back', () => {
  const all = Uint8Array.from({ length: 256 }, (_, octet) => octet);
  const text = latin1(all);
  expect(text.length).toBe(256);
  expect(Array.from(fromLatin1(text))).toEqual(Array.from(all));
  expect(isByteString(text)).toBe(true);
  expect(isByteString('Ā')).toBe(false);
});

test('latin1 reads a view, not the buffer behind it', () => {
  expect(latin1(new Uint8Array([1, 65, 66, 2]).subarray(1, 3))).toBe('AB');
});

test('percent-decoding gives octets, and leaves a lone % alone', () => {
  expect(percentDecode('/caf%C3%A9')).toBe('/caf\u00c3\u00a9');
  expect(percentDecode('/100%/%zz/%2')).toBe('/100%/%zz/%2');
  expect(percentDecode('/a%2Fb%00')).toBe('/a/b\u0000');
});

test('UTF-8 that is broken is undefined, never repaired', () => {
  expect(byteStringToUtf8('\u00c3\u00a9')).toBe('é');
  expect(byteStringToUtf8('\u00c3')).toBeUndefined();
  expect(fromUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 65]))).toBe('\ufeffA');
  expect(utf8ToByteString('é')).toBe('\u00c3\u00a9');
});

test('concat copies only where it must', () => {
  const one = new Uint8Array([1]);
  expect(concat([one])).toBe(one);
  expect(concat([]).length).toBe(0);
  expect(Array.from(concat([one, new Uint8Array([2, 3])]))).toEqual([1, 2, 3]);
});
