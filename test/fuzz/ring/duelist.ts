// The other side of a duel, on a thread of its own.
import { threadData } from '../../../src/core/spawn.ts';
import { Ring } from '../../../src/sync/threads/ring.ts';
import { Slots } from '../../../src/sync/threads/slots.ts';
import { Seeded } from '../seeded.ts';
import type { Duty } from './duel.ts';
import { Stream } from './stream.ts';

const duty = threadData() as Duty; // given by duel.ts
if (duty.kind === 'put') put(duty);
else claim(duty);

function put({ memory, size, key, bytes }: Extract<Duty, { kind: 'put' }>): void {
  const ring = new Ring(new Int32Array(memory, 0, 16), 0, 1, new Uint8Array(memory, 64));
  const stream = new Stream(key);
  const chance = new Seeded(~key);
  while (stream.at < bytes) {
    const piece = stream.next(Math.min(1 + chance.below(2 * size), bytes - stream.at));
    for (let at = 0; at < piece.length; ) at += ring.put(piece, at);
  }
}

function claim({ slots: handle, counts, claims }: Extract<Duty, { kind: 'claim' }>): void {
  const slots = new Slots(handle);
  const claimed = new Int32Array(counts);
  const sum = handle.slots; // behind the last slot's
  while (Atomics.load(claimed, sum) < claims) {
    const slot = slots.claim();
    if (slot < 0) continue;
    Atomics.add(claimed, slot, 1);
    Atomics.add(claimed, sum, 1);
  }
}
