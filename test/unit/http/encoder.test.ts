// Answers as bytes, without a socket.
import { describe, expect, test, vi } from 'vitest';

import type { HeaderList } from '../../../src/core/bytes.ts';
import {
  checkHead,
  encodeChunkSize,
  encodeInformational,
  encodeLastChunk,
  encodeRefusal,
} from '../../../src/http/encoder.ts';

describe('checkHead', () => {
  test('writes names and values as the app gave them, in its order', () => {
    const headers: HeaderList = [
      ['X-B', '2'],
      ['x-a', '1'],
      ['Set-Cookie', 'a=1'],
      ['set-cookie', 'b=\u00e9\u00ff'],
      ['empty', ''],
      ['tab', 'a\tb'],
    ];
    const { lines } = checkHead({ status: 200, headers });
    expect(lines).toBe(
      'HTTP/1.1 200 OK\r\nX-B: 2\r\nx-a: 1\r\nSet-Cookie: a=1\r\nset-cookie: b=\u00e9\u00ff\r\nempty: \r\ntab: a\tb\r\n',
    );
  });

  test.each([
    [200, undefined, 'HTTP/1.1 200 OK\r\n'],
    [418, undefined, "HTTP/1.1 418 I'm a Teapot\r\n"],
    [299, undefined, 'HTTP/1.1 299 Unknown\r\n'],
    [999, 'Strange', 'HTTP/1.1 999 Strange\r\n'],
    [200, '', 'HTTP/1.1 200 \r\n'],
    [200, 'Tr\u00e8s bien', 'HTTP/1.1 200 Tr\u00e8s bien\r\n'],
  ])('status line of %d with reason %j', (status, reason, line) => {
    expect(checkHead({ status, ...(reason !== undefined && { reason }), headers: [] }).lines).toBe(line);
  });

  test('knows the length and the date that an app gives, in any spelling', () => {
    expect(
      checkHead({
        status: 200,
        headers: [
          ['CONTENT-LENGTH', '42'],
          ['DATE', 'x'],
        ],
      }),
    ).toMatchObject({ length: 42, dated: true });
    expect(checkHead({ status: 200, headers: [] })).toMatchObject({ length: null, dated: false });
    expect(checkHead({ status: 200, headers: [['content-length', '007']] }).length).toBe(7);
  });

  test.each(['1 ', ' 1', '+1', '1.0', '0x1', '1,1', 'NaN', '1234567890123456'])(
    'refuses the Content-Length %j',
    (value) => {
      expect(() => checkHead({ status: 200, headers: [['content-length', value]] })).toThrow(
        /content-length/,
      );
    },
  );

  test('refuses every octet that is no token in a name, and every control but HTAB in a value', () => {
    for (let octet = 0; octet < 256; octet += 1) {
      const letter = String.fromCharCode(octet);
      const name = (): unknown => checkHead({ status: 200, headers: [[`x${letter}`, 'v']] });
      const value = (): unknown => checkHead({ status: 200, headers: [['x', `a${letter}b`]] });
      if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(letter)) expect(name).not.toThrow();
      else expect(name).toThrow(/not a token/);
      if (octet === 9 || (octet >= 32 && octet !== 127)) expect(value).not.toThrow();
      else expect(value).toThrow(/control character/);
    }
    for (const beyond of ['\u0100', '\u010a', '\u010d', '\u560a', '\u{1f600}']) // some of them end in 0A or 0D
      expect(() => checkHead({ status: 200, headers: [['x', beyond]] })).toThrow(/U\+00FF/);
  });

  test('a name that was good once is not taken on trust in another spelling', () => {
    checkHead({ status: 200, headers: [['x-good', 'a']] });
    expect(() => checkHead({ status: 200, headers: [['x-good\r\nx', 'a']] })).toThrow();
    expect(() => checkHead({ status: 200, headers: [['x-good ', 'a']] })).toThrow();
  });

  test('values that are no strings are refused, and not written', () => {
    const sly = { toString: () => 'a\r\nb: c' };
    // What an app without types may hand over.
    const headers = [['x', sly]] as unknown as HeaderList;
    expect(() => checkHead({ status: 200, headers })).toThrow();
    // Likewise.
    expect(() => checkHead({ status: 200, headers: [[sly, 'x']] as unknown as HeaderList })).toThrow();
  });
});

test('chunks and the end', () => {
  expect([1, 10, 255, 65_536].map(encodeChunkSize)).toEqual(['1\r\n', 'a\r\n', 'ff\r\n', '10000\r\n']);
  expect(encodeLastChunk([])).toBe('0\r\n\r\n');
  expect(
    encodeLastChunk([
      ['x-a', '1'],
      ['X-B', ''],
    ]),
  ).toBe('0\r\nx-a: 1\r\nX-B: \r\n\r\n');
  for (const name of ['content-length', 'Transfer-Encoding', 'date', 'connection', 'a b', ''])
    expect(() => encodeLastChunk([[name, '1']])).toThrow();
});

test('informational answers', () => {
  expect(encodeInformational(100, [])).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  expect(encodeInformational(103, [['link', '</a>']])).toBe('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n');
  expect(() => encodeInformational(103, [['link', 'a\r\nb']])).toThrow();
  expect(() => encodeInformational(103, [['content-length', '5']])).toThrow();
});

test('a refusal is whole, and says nothing of what failed inside', () => {
  const bytes = encodeRefusal(400, 'Cannot read "caf\u00e9 \u20ac"');
  const [head = '', body = ''] = bytes.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(head).toMatch(/\r\nconnection: close$/);
  expect(head).toContain(`\r\ncontent-length: ${body.length}\r\n`);
  expect(Buffer.from(body, 'latin1').toString('utf8')).toContain('caf\u00e9 \u20ac');
  expect(encodeRefusal(500, 'secret')).not.toContain('secret');
  expect(encodeRefusal(503, 'Full')).toContain('\r\nretry-after: 1\r\n');
});

test('the date is an IMF-fixdate, made once a second', async () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 22, 21, 0, 0, 250) });
  try {
    vi.resetModules();
    const { dateLine } = await import('../../../src/http/encoder.ts');
    expect(dateLine()).toBe('date: Sun, 22 Nov 2026 21:00:00 GMT\r\n');
    vi.advanceTimersByTime(749);
    expect(dateLine()).toBe('date: Sun, 22 Nov 2026 21:00:00 GMT\r\n');
    vi.advanceTimersByTime(1);
    expect(dateLine()).toBe('date: Sun, 22 Nov 2026 21:00:01 GMT\r\n');
    vi.advanceTimersByTime(60_000);
    expect(dateLine()).toBe('date: Sun, 22 Nov 2026 21:01:01 GMT\r\n');
  } finally {
    vi.useRealTimers();
  }
});
