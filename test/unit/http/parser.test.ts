// The parser, fed with the whole corpus: at once, byte by byte, and in two pieces at every split point.
import { describe, expect, test } from 'vitest';

import { HttpError } from '../../../src/core/errors.ts';
import { defaultLimits, type Limits } from '../../../src/http/limits.ts';
import { Parser } from '../../../src/http/parser.ts';
import { byteByByte, type Expected, invalid, pieces, valid } from '../../wire/corpus.ts';

/** What came out of a parser, with neighbouring pieces of a body joined. */
interface Outcome {
  readonly messages: Expected[];
  /** The head of a message whose end has not come, or came broken. */
  readonly open: Omit<Expected, 'body' | 'trailers'> | null;
  readonly status: number | null;
  /** Bytes that are left. */
  readonly left: number;
}

describe('valid', () => {
  test.each(valid)('$name: $why', ({ bytes, limits, requests }) => {
    const whole = parse([bytes], limits);
    expect(whole).toEqual({ messages: requests.map(filled), open: null, status: null, left: 0 });
    expect(parse(byteByByte(bytes), limits)).toEqual(whole);
    everySplit(bytes, (two) => same(parse(two, limits), whole));
  });
});

describe('invalid', () => {
  test.each(invalid)('$name: $status, $why', ({ bytes, limits, status, stage, before = 0 }) => {
    const whole = parse([bytes], limits);
    expect(whole.status).toBe(status);
    expect(whole.messages).toHaveLength(before);
    expect(whole.open === null).toBe(stage !== 'body');
    const seen = { ...whole, left: 0 };
    same({ ...parse(byteByByte(bytes), limits), left: 0 }, seen);
    everySplit(bytes, (two) => same({ ...parse(two, limits), left: 0 }, seen));
  });
});

describe('limits', () => {
  const head = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `X-${at}: ${at}`);
  const chunked = (rest: string): Buffer =>
    Buffer.concat([head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'), Buffer.from(rest)]);
  const cases: ReadonlyArray<readonly [title: string, bytes: Buffer, status: number | null]> = [
    ['a head of 20 KiB', head('GET / HTTP/1.1', 'Host: a', `X: ${'y'.repeat(20_000)}`), 431],
    [
      'a head of 20 KiB in small fields',
      head('GET / HTTP/1.1', 'Host: a', ...many(90).map((line) => line + 'y'.repeat(220))),
      431,
    ],
    ['a head of exactly 16 KiB', exactly(16 * 1024), null],
    ['a head of one byte more', exactly(16 * 1024 + 1), 431],
    ['100 fields', head('GET / HTTP/1.1', 'Host: a', ...many(99)), null],
    ['101 fields', head('GET / HTTP/1.1', 'Host: a', ...many(100)), 431],
    ['300 fields', head('GET / HTTP/1.1', 'Host: a', ...many(300)), 431],
    ['a target of exactly 8 KiB', head(`GET /${'a'.repeat(8191)} HTTP/1.1`, 'Host: a'), null],
    ['a target of one byte more', head(`GET /${'a'.repeat(8192)} HTTP/1.1`, 'Host: a'), 414],
    ['a target of 9 KiB', head(`GET /${'a'.repeat(9 * 1024)} HTTP/1.1`, 'Host: a'), 414],
    ['a target that never ends', Buffer.from(`GET /${'a'.repeat(20 * 1024)}`), 414],
    ['chunk extensions of 4 KiB', chunked(`5;${'a'.repeat(4000)}\r\nhello\r\n0\r\n\r\n`), null],
    ['chunk extensions of 5 KiB', chunked(`5;${'a'.repeat(5000)}\r\nhello\r\n0\r\n\r\n`), 400],
    ['a chunk extension that never ends', chunked(`5;${'a'.repeat(5000)}`), 400],
    [
      'chunk extensions of 5 KiB in sum',
      chunked(`${`1;${'a'.repeat(99)}\r\nx\r\n`.repeat(50)}0\r\n\r\n`),
      400,
    ],
    ['trailers of 20 KiB', chunked(`0\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`), 431],
    ['a trailer that never ends', chunked(`0\r\nX: ${'y'.repeat(20_000)}`), 431],
    ['200 trailers', chunked(`0\r\n${many(200).join('\r\n')}\r\n\r\n`), 431],
    ['a body of 1 GiB', head('POST / HTTP/1.1', 'Host: a', `Content-Length: ${1024 ** 3}`), null],
    ['a body of one byte more', head('POST / HTTP/1.1', 'Host: a', `Content-Length: ${1024 ** 3 + 1}`), 413],
  ];

  test.each(cases)('%s', (_, bytes, status) => {
    expect(parse([bytes], defaultLimits).status).toBe(status);
    expect(parse(byteByByte(bytes), defaultLimits).status).toBe(status);
    for (const count of [2, 3, 7, 20])
      expect(parse(pieces(bytes, count, 'limits'), defaultLimits).status).toBe(status);
  });

  test('many small chunks up to maxBody pass, one byte more does not', () => {
    const limits = { ...defaultLimits, maxBody: 10 };
    expect(parse([chunked(`${'1\r\nx\r\n'.repeat(10)}0\r\n\r\n`)], limits).status).toBeNull();
    expect(parse([chunked(`${'1\r\nx\r\n'.repeat(11)}0\r\n\r\n`)], limits).status).toBe(413);
  });

  test('chunks without extensions are not counted against them', () => {
    const body = `${'1\r\nx\r\n'.repeat(5000)}0\r\n\r\n`;
    expect(parse([chunked(body)], defaultLimits).messages[0]?.body).toHaveLength(5000);
  });

  function exactly(size: number): Buffer {
    const lines = ['GET / HTTP/1.1', 'Host: a', 'X: '];
    return head(...lines.slice(0, 2), `X: ${'y'.repeat(size - head(...lines).length)}`);
  }
});

describe('pulling', () => {
  const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const post = Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n');

  test('does not run ahead: what nobody takes stays buffered, broken or not', () => {
    const parser = new Parser(defaultLimits);
    const bytes = Buffer.concat([get('/1'), Buffer.from('\0broken\r\n\r\n')]);
    parser.feed(bytes);
    expect(parser.buffered).toBe(bytes.length);
    expect(parser.next()).toMatchObject({ kind: 'head', length: 0 });
    expect(parser.buffered).toBe(bytes.length - get('/1').length);
    expect(() => parser.next()).toThrow(HttpError);
  });

  test('is dead after an error: no event comes any more', () => {
    const parser = new Parser(defaultLimits);
    parser.feed(Buffer.from('GET / HTTP/1.1\r\nHost : a\r\n\r\n'));
    expect(() => parser.next()).toThrow(HttpError);
    parser.feed(get('/2'));
    expect(() => parser.next()).toThrow(HttpError);
  });

  test('is dead after an error in a chunked body, whatever follows', () => {
    const parser = new Parser(defaultLimits);
    parser.feed(Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello'));
    expect(parser.next()).toMatchObject({ kind: 'head', length: null });
    expect(() => parser.next()).toThrow(HttpError);
    parser.feed(Buffer.from('\r\n0\r\n\r\n'));
    expect(() => parser.next()).toThrow(HttpError);
  });

  test('pieces of a body with a known length come as they were fed, the last one marked', () => {
    const parser = new Parser(defaultLimits);
    parser.feed(Buffer.concat([post, Buffer.from('0123')]));
    expect(parser.next()).toMatchObject({ kind: 'head', length: 10 });
    expect(parser.next()).toEqual({ kind: 'data', bytes: Buffer.from('0123'), last: false });
    expect(parser.next()).toBeNull();
    parser.feed(Buffer.from('456789GET'));
    expect(parser.next()).toEqual({ kind: 'data', bytes: Buffer.from('456789'), last: true });
    expect(parser.next()).toBeNull();
    expect(parser.buffered).toBe(3);
  });

  test('rest() takes what is buffered, over all pieces that were fed', () => {
    const parser = new Parser(defaultLimits);
    parser.feed(Buffer.concat([get('/'), Buffer.from('one ')]));
    expect(parser.next()).toMatchObject({ kind: 'head' });
    parser.feed(Buffer.from('two '));
    parser.feed(Buffer.from('three'));
    expect(Buffer.from(parser.rest()).toString()).toBe('one two three');
    expect(parser.buffered).toBe(0);
    expect(parser.rest()).toHaveLength(0);
  });

  test('an event keeps its bytes when more are fed', () => {
    const parser = new Parser(defaultLimits);
    for (const piece of byteByByte(post)) parser.feed(piece);
    for (const piece of ['ab', 'cd', 'ef']) parser.feed(Buffer.from(piece));
    expect(parser.next()).toMatchObject({ kind: 'head' });
    const taken: Uint8Array[] = [];
    for (let event = parser.next(); event; event = parser.next()) {
      if (event.kind === 'data') taken.push(event.bytes);
      const size = taken.reduce((sum, bytes) => sum + bytes.length, 0);
      if (parser.buffered === 0 && size < 10) parser.feed(Buffer.from('g'));
    }
    expect(Buffer.concat(taken).toString()).toBe('abcdefgggg');
  });

  test('an empty piece changes nothing', () => {
    const bytes = valid.flatMap((each) => (each.name === 'chunked-trailers' ? [each.bytes] : []));
    const spread = bytes.flatMap(byteByByte).flatMap((byte) => [new Uint8Array(0), byte, new Uint8Array(0)]);
    expect(parse(spread, defaultLimits)).toEqual(parse(bytes, defaultLimits));
    expect(parse(spread, defaultLimits).messages).toHaveLength(1);
  });

  test('get, all and has know fields by their name in lower case; cookies are joined by "; "', () => {
    const parser = new Parser(defaultLimits);
    parser.feed(
      Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\nA: 1\r\ncookie: y=2\r\na: 2\r\n\r\n'),
    );
    const event = parser.next();
    if (event?.kind !== 'head') throw new Error('No head came');
    const { head } = event;
    expect(head.get('cookie')).toBe('x=1; y=2');
    expect(head.get('a')).toBe('1, 2');
    expect(head.all('a')).toEqual(['1', '2']);
    expect([head.has('a'), head.has('b'), head.get('b')]).toEqual([true, false, undefined]);
    expect(head.get('__proto__')).toBeUndefined();
  });
});

describe('time', () => {
  test('a head of 16 KiB that trickles in byte by byte costs no square of its size', () => {
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(16_000)}\r\n\r\n`);
    expect(elapsed(() => parse(byteByByte(bytes), defaultLimits))).toBeLessThan(250);
  });

  test('trailers of 16 KiB that trickle in byte by byte cost no square of their size', () => {
    const head = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n');
    const bytes = Buffer.concat([head, Buffer.from(`X: ${'y'.repeat(16_000)}\r\n\r\n`)]);
    expect(elapsed(() => parse(byteByByte(bytes), defaultLimits))).toBeLessThan(250);
  });

  test.each([
    ['a value', (blank: string) => `GET / HTTP/1.1\r\nHost: a\r\nX: y${blank}z\r\n\r\n`],
    ['Connection', (blank: string) => `GET / HTTP/1.1\r\nHost: a\r\nConnection: y${blank}z\r\n\r\n`],
    ['Host', (blank: string) => `GET / HTTP/1.1\r\nHost: a${blank}b\r\n\r\n`],
    [
      'Transfer-Encoding',
      (blank: string) => `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: a${blank}b\r\n\r\n`,
    ],
    [
      'a trailer',
      (blank: string) =>
        `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y${blank}z\r\n\r\n`,
    ],
  ])('16 KiB of spaces inside %s cost no square of their number', (_, request) => {
    const bytes = Buffer.from(request(' '.repeat(16_000)));
    expect(elapsed(() => parse([bytes], defaultLimits))).toBeLessThan(25);
  });
});

/** ms, the best of five: a busy machine takes its time, a square of the size takes it each time. */
function elapsed(work: () => void): number {
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return Math.min(...times);
}

/** toEqual, which is slow, only where they differ. */
function same(seen: Outcome, wanted: Outcome): void {
  if (JSON.stringify(seen) !== JSON.stringify(wanted)) expect(seen).toEqual(wanted);
}

function everySplit(bytes: Uint8Array, check: (two: Uint8Array[]) => void): void {
  // Every point of a long one would take seconds; its line ends are where parsers stumble.
  const long = bytes.length > 1500;
  for (let at = 1; at < bytes.length; at += 1) {
    if (long && at % 17 !== 0 && !bytes.subarray(at - 3, at + 3).includes(13)) continue;
    check([bytes.subarray(0, at), bytes.subarray(at)]);
  }
}

function parse(fed: readonly Uint8Array[], limits: Limits): Outcome {
  const parser = new Parser(limits);
  const messages: Expected[] = [];
  let open: Outcome['open'] = null;
  let body: Uint8Array[] = [];
  const complete = (trailers: Expected['trailers'] = []): void => {
    if (!open) throw new Error('An end came without a head');
    messages.push({ ...open, body: Buffer.concat(body).toString('latin1'), trailers });
    open = null;
    body = [];
  };
  try {
    for (const piece of fed) {
      parser.feed(piece);
      for (let event = parser.next(); event; event = parser.next()) {
        if (event.kind === 'head') {
          if (open) throw new Error('A head came before the end of a message');
          const { method, target, path, query, version, headers } = event.head;
          if (version === '2') throw new Error('A parser of HTTP/1 said 2');
          const { keepAlive, expectsContinue } = event;
          open = { method, target, path, query, version, headers, keepAlive, expectsContinue };
          if (event.length === 0) complete();
        } else if (event.kind === 'data') {
          expect(event.bytes.length).toBeGreaterThan(0);
          body.push(event.bytes);
          if (event.last) complete();
        } else {
          complete(event.trailers);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return { messages, open, status: error.status, left: parser.buffered };
  }
  return { messages, open, status: null, left: parser.buffered };
}

/** With what a corpus file leaves out. */
function filled(request: Expected): Expected {
  const [path = '', ...query] = request.target.split('?');
  return {
    path,
    query: query.join('?'),
    version: '1.1',
    keepAlive: true,
    expectsContinue: false,
    trailers: [],
    ...request,
  };
}
