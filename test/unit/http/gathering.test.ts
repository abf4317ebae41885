// Pieces that wait for the end of a turn: in order, copied, bounded, and in slabs that are used again.
import { expect, test } from 'vitest';

import { Gathering, release } from '../../../src/http/gathering.ts';

function text(taken: string | Buffer): string {
  return typeof taken === 'string' ? taken : taken.toString('latin1');
}

test('few are text, more are bytes, and all keep their order', () => {
  for (const count of [0, 1, 3, 4, 5, 40]) {
    const gathering = new Gathering();
    const pieces = Array.from({ length: count }, (_, at) => Buffer.alloc(1024, 97 + (at % 26)));
    for (const piece of pieces) expect(gathering.add(piece)).toBe(true);
    expect(gathering.length).toBe(count * 1024);
    const taken = gathering.take();
    expect(typeof taken === 'string').toBe(count <= 4);
    expect(text(taken)).toBe(Buffer.concat(pieces).toString('latin1'));
    expect(gathering.length).toBe(0);
  }
});

test('all octets survive the way from text to bytes', () => {
  const octets = Uint8Array.from({ length: 4096 }, (_, at) => at % 256);
  const gathering = new Gathering();
  for (let count = 0; count < 3; count += 1) gathering.add(octets);
  expect(text(gathering.take())).toBe(Buffer.concat([octets, octets, octets]).toString('latin1'));
});

test('what is added is copied: its buffer may be filled again', () => {
  for (const size of [10, 3000]) {
    const piece = Buffer.alloc(size, 'a');
    const gathering = new Gathering();
    for (const letter of 'abc') {
      piece.fill(letter);
      gathering.add(piece);
    }
    expect(text(gathering.take())).toBe('a'.repeat(size) + 'b'.repeat(size) + 'c'.repeat(size));
  }
});

test('it is full at 64 KiB: what does not fit is not taken', () => {
  const gathering = new Gathering();
  const piece = Buffer.alloc(4096, 'x');
  let taken = 0;
  while (gathering.add(piece)) taken += 1;
  expect(taken).toBe(16);
  expect(gathering.add(Buffer.alloc(1))).toBe(false);
  expect(text(gathering.take())).toHaveLength(64 * 1024);
  expect(gathering.add(piece)).toBe(true);
});

test('a slab is used again once it was released, and by one at a time', () => {
  const fill = (letter: string): Buffer => {
    const gathering = new Gathering();
    for (let count = 0; count < 6; count += 1) gathering.add(Buffer.alloc(1024, letter));
    const taken = gathering.take();
    if (typeof taken === 'string') throw new Error('It is text');
    return taken;
  };
  const first = fill('a');
  const second = fill('b');
  expect(second.buffer).not.toBe(first.buffer);
  release(first);
  const third = fill('c');
  expect(third.buffer).toBe(first.buffer);
  expect(second.toString()).toBe('b'.repeat(6 * 1024));
});

test('an app’s own bytes are never taken for a slab of ours', () => {
  const own = Buffer.alloc(1024, 'o');
  release(own);
  const gathering = new Gathering();
  for (let count = 0; count < 64; count += 1) gathering.add(Buffer.alloc(1024, 'x'));
  expect(own.toString()).toBe('o'.repeat(1024));
});
