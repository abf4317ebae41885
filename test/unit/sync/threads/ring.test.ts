// The ring: bytes in, the same bytes out, whatever the sizes, across the edge and over the counters' end.
import { expect, test } from 'vitest';

import { Ring } from '../../../../src/sync/threads/ring.ts';
import { random } from '../random.ts';

function ringOf(size: number, start = 0): Ring {
  const words = new Int32Array(new SharedArrayBuffer(8)).fill(start);
  return new Ring(words, 0, 1, new Uint8Array(new SharedArrayBuffer(size)));
}

test('a full ring takes nothing, an empty one gives nothing', () => {
  const ring = ringOf(8);
  expect(ring.take()).toBeNull();
  expect(ring.put(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9))).toBe(8);
  expect(ring.put(Uint8Array.of(9))).toBe(0);
  expect(ring.used).toBe(8);
  expect([...(ring.take(3) ?? [])]).toEqual([1, 2, 3]);
  expect(ring.put(Uint8Array.of(0, 9, 10), 1)).toBe(2);
  expect([...(ring.take() ?? [])]).toEqual([4, 5, 6, 7, 8, 9, 10]);
  expect(ring.take()).toBeNull();
});

test('what was taken is a copy', () => {
  const ring = ringOf(4);
  ring.put(Uint8Array.of(1, 2, 3, 4));
  const taken = ring.take();
  ring.put(Uint8Array.of(9, 9, 9, 9));
  expect([...(taken ?? [])]).toEqual([1, 2, 3, 4]);
});

test('random puts and takes lose and double nothing, also where the counters wrap', () => {
  const { seed, below: next } = random();
  for (const start of [0, 2 ** 31 - 500, -500]) {
    const ring = ringOf(1 << (3 + next(6)), start);
    let sent = 0;
    let received = 0;
    for (let round = 0; round < 20_000; round++) {
      if (next(2) === 0) {
        const from = next(5);
        const chunk = new Uint8Array(from + next(ring.size * 2));
        for (let index = from; index < chunk.length; index++) chunk[index] = (sent + index - from) & 0xff;
        sent += ring.put(chunk, from);
      } else {
        const chunk = ring.take(1 + next(ring.size * 2)) ?? new Uint8Array();
        for (const byte of chunk) {
          if (byte !== (received++ & 0xff)) throw new Error(`Byte ${received} is wrong: SEED=${seed}`);
        }
      }
      if (ring.used !== sent - received) throw new Error(`${ring.used} bytes are said: SEED=${seed}`);
    }
    expect(sent, `SEED=${seed}`).toBeGreaterThan(ring.size);
  }
});
