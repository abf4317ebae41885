// wsgi.input in pieces: how much is asked for, and when it is over.
import { expect, test } from 'vitest';

import { BodyReader } from '../../../../src/bridge/loop/body.ts';
import { environ } from '../played.ts';

function reader(
  body: readonly string[],
  more: Record<string, unknown> = {},
): () => [text: string, more: boolean] {
  const input = new BodyReader(environ({ body, environ: more }));
  return () => {
    const piece = input.read();
    return [Buffer.from(piece.body).toString(), piece.more];
  };
}

test('without a length the end is an empty piece, again and again', () => {
  const read = reader(['abc', 'def']);
  let all = '';
  for (let [text, more] = read(); more; [text, more] = read()) all += text;
  expect(all).toBe('abcdef');
  expect(read()).toEqual(['', false]);
  expect(read()).toEqual(['', false]);
});

test('with a length the last piece says so', () => {
  const read = reader(['abcdef', 'next request'], { CONTENT_LENGTH: '6' });
  let all = '';
  for (let more = true; more; ) {
    const [text, goesOn] = read();
    all += text;
    more = goesOn;
  }
  expect(all).toBe('abcdef');
  expect(read()).toEqual(['', false]);
});

test('a length of 0 is not read at all', () => {
  const untouched = {
    read() {
      throw new Error('read');
    },
  };
  expect(reader([], { CONTENT_LENGTH: '0', 'wsgi.input': untouched })()).toEqual(['', false]);
});

test('[B-02] a piece has at most 64 KiB', () => {
  const read = reader(['x'.repeat(200_000)]);
  expect([read(), read(), read(), read()].map(([text]) => text.length)).toEqual([65536, 65536, 65536, 3392]);
});

test('where the input can give what is there, nothing more is waited for', () => {
  const asked: number[] = [];
  const input = {
    ready: () => true,
    readSome(limit: number) {
      asked.push(limit);
      return Buffer.from('ab');
    },
  };
  const read = reader([], { CONTENT_LENGTH: '4', 'wsgi.input': input });
  expect([read(), read(), read()]).toEqual([
    ['ab', true],
    ['ab', false],
    ['', false],
  ]);
  expect(asked).toEqual([4, 2]);
});
