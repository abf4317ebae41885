// wsgi.input over pieces of every size.
import { describe, expect, test } from 'vitest';

import { Disconnected } from '../../../src/core/errors.ts';
import { Input, type Source } from '../../../src/sync/input.ts';

const b = (text: string): Uint8Array => Buffer.from(text);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

class Pieces implements Source {
  ready = false;
  asked = 0;
  readonly #pieces: Array<Uint8Array | Error>;
  constructor(...pieces: Array<string | Error>) {
    this.#pieces = pieces.map((piece) => (piece instanceof Error ? piece : b(piece)));
  }
  next(): Uint8Array | null {
    this.asked += 1;
    const piece = this.#pieces[0];
    if (piece instanceof Error) throw piece;
    this.#pieces.shift();
    return piece ?? null;
  }
}

/** `body`, cut into pieces of `size`. */
const cut = (body: string, size: number): Input =>
  new Input(new Pieces(...(body.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])));

describe.each([1, 2, 3, 5, 1000])('in pieces of %i', (size) => {
  const body = 'one\ntwo\n\nthree, which has no end';

  test('[W-30] read gives what was asked for, and blocks for it', () => {
    const input = cut(body, size);
    expect([text(input.read(5)), text(input.read(0)), text(input.read(3)), text(input.read(1000))]).toEqual([
      'one\nt',
      '',
      'wo\n',
      '\nthree, which has no end',
    ]);
  });

  test('[W-33] read without a size, or with a negative one, gives the rest', () => {
    const input = cut(body, size);
    input.read(4);
    expect(text(input.read())).toBe(body.slice(4));
    expect(text(cut(body, size).read(-1))).toBe(body);
  });

  test('[W-30] readline, readlines and iteration give lines', () => {
    const lines = ['one\n', 'two\n', '\n', 'three, which has no end'];
    const input = cut(body, size);
    expect(
      [input.readline(), input.readline(), input.readline(), input.readline(), input.readline()].map(text),
    ).toEqual([...lines, '']);
    expect(cut(body, size).readlines().map(text)).toEqual(lines);
    expect([...cut(body, size)].map(text)).toEqual(lines);
  });

  test('[W-34] readline(size) gives at most size bytes of a line', () => {
    const input = cut(body, size);
    expect(
      [input.readline(2), input.readline(9), input.readline(0), input.readline(4), input.readline(-1)].map(
        text,
      ),
    ).toEqual(['on', 'e\n', '', 'two\n', '\n']);
  });

  test('readlines(hint) stops after the line that reaches it', () => {
    expect(cut(body, size).readlines(4).map(text)).toEqual(['one\n']);
    expect(cut(body, size).readlines(5).map(text)).toEqual(['one\n', 'two\n']);
    expect(cut(body, size).readlines(0)).toHaveLength(4);
  });
});

test('[W-32] past the end there are empty bytes, again and again', () => {
  const input = cut('ab', 1);
  input.read();
  for (let round = 0; round < 3; round++) {
    expect([input.read(), input.read(5), input.readline()].map((bytes) => bytes.length)).toEqual([0, 0, 0]);
  }
  expect(input.readlines()).toEqual([]);
});

test('a large line without an end comes whole', () => {
  const line = 'x'.repeat(1024 * 1024);
  expect(cut(line, 64 * 1024).readline()).toHaveLength(line.length);
});

test('readSome gives what is there, and ready says whether it would block', () => {
  const source = new Pieces('abc', 'def');
  const input = new Input(source);
  expect(input.ready()).toBe(false);
  expect(text(input.readSome(2))).toBe('ab');
  expect(input.ready()).toBe(true);
  expect([text(input.readSome(9)), text(input.readSome(0)), text(input.readSome(9))]).toEqual([
    'c',
    '',
    'def',
  ]);
  expect(input.ready()).toBe(false);
  source.ready = true;
  expect([input.ready(), input.readSome(9).length]).toEqual([true, 0]);
});

test('it asks for no more than it needs', () => {
  const source = new Pieces('abc', 'def');
  const input = new Input(source);
  input.read(0);
  expect(source.asked).toBe(0);
  input.read(3);
  expect(source.asked).toBe(1);
});

test('[W-39] an upload that breaks off throws, and throws again; it is never an end', () => {
  const input = new Input(new Pieces('abc', new Disconnected()));
  expect(() => input.read(10)).toThrow(Disconnected);
  expect(() => input.read()).toThrow(Disconnected);
  expect(() => input.readline()).toThrow(Disconnected);
  expect(() => [...input]).toThrow(Disconnected);
});

test.each(['5', 1.5, Number.NaN, {}])('[W-30] a size of %j is refused', (size) => {
  const given = size as number; // what an app without types can give
  expect(() => cut('abc', 1).read(given)).toThrow(/W-30/);
  expect(() => cut('abc', 1).readline(given)).toThrow(/W-30/);
});

test('[W-37] the app does not close it', () => {
  expect(() => cut('a', 1).close()).toThrow(/leave that to the server \[W-37\]/);
});

test('what an app kept of it reads nobody’s body', () => {
  const input = cut('secret', 2);
  input.read(1);
  input.expire();
  expect(() => input.read(1)).toThrow(/after its request was over/);
  expect(() => input.readline()).toThrow(/after its request was over/);
});
