// Pieces that wait for the end of a turn: in order, copied, bounded, and in slabs that are used again.
import { expect, test } from 'vitest';

import { Gathering } from '../../../src/http/gathering.ts';
import { releaseSlab, Slab, takeSlab } from '../../../src/http/slab.ts';

function text(taken: string | Slab): string {
  return typeof taken === 'string' ? taken : taken.bytes.toString('latin1');
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
});

test('a slab is used again once it was released, empty, and by one at a time', () => {
  const first = takeSlab();
  const second = takeSlab();
  expect(second).not.toBe(first);
  first.add(Buffer.from('first'));
  second.add(Buffer.from('second'));
  releaseSlab(first);
  const third = takeSlab();
  expect(third).toBe(first);
  expect(third.length).toBe(0);
  third.add(Buffer.from('third'));
  expect([second, third].map((slab) => slab.bytes.toString())).toEqual(['second', 'third']);
});

test('text goes before and behind the bytes of a slab, as far as there is room for it', () => {
  const slab = new Slab();
  expect(slab.add(Buffer.alloc(64 * 1024, 'b'))).toBe(true);
  expect(slab.add(Buffer.alloc(1))).toBe(false);
  expect(slab.prepend('\u00e9'.repeat(2048))).toBe(true);
  expect(slab.prepend('x')).toBe(false);
  expect(slab.append('z'.repeat(1025))).toBe(false);
  expect(slab.append('z'.repeat(1024))).toBe(true);
  expect(slab.append('z')).toBe(false);
  const whole = slab.bytes.toString('latin1');
  expect(whole).toBe('\u00e9'.repeat(2048) + 'b'.repeat(64 * 1024) + 'z'.repeat(1024));
});
