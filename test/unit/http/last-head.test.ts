// The head that came last: the same octets are the same request, others are read, and no list is shared.
import { expect, test } from 'vitest';

import { HttpError } from '../../../src/core/errors.ts';
import type { HeadEvent } from '../../../src/http/events.ts';
import { defaultLimits } from '../../../src/http/limits.ts';
import { Parser } from '../../../src/http/parser.ts';
import { random } from '../sync/random.ts';

const fields = 'Host: a\r\nX-One: 1\r\nCookie: k=v\r\nConnection: keep-alive\r\n\r\n';

function heads(...texts: string[]): HeadEvent[] {
  const parser = new Parser(defaultLimits);
  return texts.map((text) => headFrom(parser, text));
}

function headFrom(parser: Parser, text: string): HeadEvent {
  parser.feed(Buffer.from(text, 'latin1'));
  const event = parser.next();
  if (event?.kind !== 'head') throw new Error('No head came');
  return event;
}

/** What an event says, without its objects. */
function told({ head, length, keepAlive, expectsContinue }: HeadEvent): unknown {
  const { method, target, path, query, version, headers } = head;
  return { method, target, path, query, version, headers, length, keepAlive, expectsContinue };
}

test('the same head again is the same request, in lists of its own', () => {
  const events = heads(...Array.from({ length: 5 }, () => `GET /a?b HTTP/1.1\r\n${fields}`));
  for (const event of events) expect(told(event)).toEqual(told(events[0] as HeadEvent));
  const lists = events.map(({ head }) => head.headers);
  expect(new Set(lists).size).toBe(5);
  expect(new Set(lists.map(([first]) => first)).size).toBe(5);
});

test('an app that writes into its headers writes into nobody else’s', () => {
  const parser = new Parser(defaultLimits);
  const text = `GET / HTTP/1.1\r\n${fields}`;
  for (let round = 0; round < 4; round += 1) {
    const { head } = headFrom(parser, text);
    expect(head.get('x-one')).toBe('1');
    // JavaScript does not keep it from doing so.
    const headers = head.headers as unknown as string[][];
    (headers[1] as string[])[1] = 'changed';
    headers.push(['x-more', 'y']);
  }
});

test('the same fields behind another request line belong to that line', () => {
  const lines = ['GET /1', 'GET /2?q=1', 'DELETE /3', 'POST /4', 'GET /5', 'GET /55', 'OPTIONS *'];
  const events = heads(...lines.map((line) => `${line} HTTP/1.1\r\n${fields}`));
  expect(events.map(({ head }) => `${head.method} ${head.target}`)).toEqual(lines);
  expect(events.map(({ head }) => head.path)).toEqual(['/1', '/2', '/3', '/4', '/5', '/55', '*']);
});

test('the same fields mean something else in HTTP/1.0, and to a target in absolute form', () => {
  const parser = new Parser(defaultLimits);
  const plain = 'Host: a\r\n\r\n';
  for (let round = 0; round < 3; round += 1)
    expect(headFrom(parser, `GET / HTTP/1.1\r\n${plain}`).keepAlive).toBe(true);
  expect(headFrom(parser, `GET / HTTP/1.0\r\n${plain}`).keepAlive).toBe(false);
  expect(headFrom(parser, `GET http://a/x HTTP/1.1\r\n${plain}`).head.path).toBe('/x');
  expect(() => headFrom(parser, `GET http://b/ HTTP/1.1\r\n${plain}`)).toThrow(HttpError);
});

test('one octet of difference is seen, wherever it is', () => {
  const text = `GET /path HTTP/1.1\r\n${fields}`;
  for (let at = 0; at < text.length; at += 1) {
    const other = `${text.slice(0, at)}${text[at] === 'q' ? 'p' : 'q'}${text.slice(at + 1)}`;
    const fresh = outcome([other]);
    expect(outcome([text, text, text, other]), `octet ${at}`).toEqual(fresh);
  }
});

/** What comes of the last of them. */
function outcome(texts: readonly string[]): unknown {
  try {
    const last = heads(...texts).at(-1);
    return last && told(last);
  } catch (error) {
    return error instanceof HttpError ? error.status : String((error as Error).message);
  }
}

test('the same head in two packets, split anywhere, is the same request', () => {
  const text = `GET /a HTTP/1.1\r\n${fields}`;
  for (let at = 1; at < text.length; at += 1) {
    const parser = new Parser(defaultLimits);
    for (let round = 0; round < 3; round += 1) headFrom(parser, text);
    parser.feed(Buffer.from(text.slice(0, at)));
    expect(parser.next()).toBeNull();
    expect(told(headFrom(parser, text.slice(at)))).toEqual(told(heads(text)[0] as HeadEvent));
    expect(parser.buffered).toBe(0);
  }
});

test('bodies between the same heads stay what they are, and a mix of heads is read as each by itself', () => {
  const next = random(7);
  const texts = [
    `GET /a HTTP/1.1\r\n${fields}`,
    `GET /b HTTP/1.1\r\n${fields}`,
    'GET /b HTTP/1.1\r\nHost: b\r\nX_Under: 1\r\n\r\n',
    'HEAD /c HTTP/1.0\r\n\r\n',
  ];
  const parser = new Parser(defaultLimits);
  for (let round = 0; round < 500; round += 1) {
    const text = texts[next.below(texts.length)] ?? '';
    expect(told(headFrom(parser, text))).toEqual(told(heads(text)[0] as HeadEvent));
  }
});

test('a Host that was refused is refused again, whatever came between', () => {
  const refused = 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n';
  expect(() => heads(refused)).toThrow(HttpError);
  for (let round = 0; round < 3; round += 1) heads('GET / HTTP/1.0\r\n\r\n');
  expect(() => heads(refused)).toThrow(HttpError);
});
