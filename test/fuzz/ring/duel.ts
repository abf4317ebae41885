// Real threads against each other on the bare ring and the bare queue: no app, no pool, only as much as can be in a hurry.
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';

import { startThread } from '../../../src/core/spawn.ts';
import { Ring } from '../../../src/sync/threads/ring.ts';
import { Slots } from '../../../src/sync/threads/slots.ts';
import { Seeded } from '../seeded.ts';
import { Stream } from './stream.ts';

/** What the other thread does: puts `bytes` of the key's stream, or claims until `claims` are gone. */
export type Duty =
  | {
      readonly kind: 'put';
      readonly memory: SharedArrayBuffer;
      readonly size: number;
      readonly key: number;
      readonly bytes: number;
    }
  | {
      readonly kind: 'claim';
      readonly slots: Slots['handle'];
      /** How often each slot was claimed. */
      readonly counts: SharedArrayBuffer;
      readonly claims: number;
    };

/** Counters that run freely begin here: they go over the end of 31 bits, and of 32. */
const starts = [0, 2 ** 31 - 500, -500];

/** A thread puts, this one takes, pieces of all sizes; gives how many bytes came. Throws where one is wrong. */
export async function ringDuel(seed: number, bytes: number): Promise<number> {
  const chance = new Seeded(seed);
  const size = 2 ** (3 + chance.below(14));
  const memory = new SharedArrayBuffer(64 + size);
  const words = new Int32Array(memory, 0, 16).fill(chance.pick(starts));
  const ring = new Ring(words, 0, 1, new Uint8Array(memory, 64));
  const stream = new Stream(seed);
  const duty: Duty = { kind: 'put', memory, size, key: seed, bytes };
  const worker = await startThread(import.meta.url, './duelist', { name: 'duelist', data: duty });
  const gone = once(worker, 'exit');
  try {
    for (let idle = 0; stream.at < bytes; ) {
      const piece = ring.take(1 + chance.below(2 * size));
      if (!piece) {
        idle += 1;
        if (idle % 100 === 0) await setImmediate();
        continue;
      }
      if (!stream.holds(piece)) throw new Error(`Byte ${stream.at} is wrong: seed ${seed}, ring of ${size}`);
    }
    if (ring.used !== 0) throw new Error(`${ring.used} bytes too many: seed ${seed}, ring of ${size}`);
  } finally {
    await worker.terminate();
    await gone;
  }
  return stream.at;
}

/** Threads claim what this one pushes, each as fast as it can; gives how often each slot was pushed, and was claimed. */
export async function queueDuel(
  seed: number,
  threads: number,
  claims: number,
): Promise<{ readonly pushed: number[]; readonly claimed: number[] }> {
  const chance = new Seeded(seed);
  const slots = Slots.make(threads, 1 + chance.below(40), 16);
  // head and tail are the first words of the first two cache lines
  const start = chance.pick(starts);
  slots.words[0] = start;
  slots.words[16] = start;
  const counts = new SharedArrayBuffer(4 * (slots.handle.slots + 1));
  const claimed = new Int32Array(counts);
  const duty: Duty = { kind: 'claim', slots: slots.handle, counts, claims };
  const workers = await Promise.all(
    Array.from({ length: threads }, () =>
      startThread(import.meta.url, './duelist', { name: 'duelist', data: duty }),
    ),
  );
  const gone = workers.map((worker) => once(worker, 'exit'));
  const pushed = Array.from({ length: slots.handle.slots }, () => 0);
  for (let count = 0; count < claims; ) {
    // as the pool does: a slot stands in it twice at most
    if (slots.queued >= slots.handle.slots * 2) {
      await setImmediate();
      continue;
    }
    const slot = chance.below(slots.handle.slots);
    slots.push(slot);
    pushed[slot] = (pushed[slot] ?? 0) + 1;
    count += 1;
  }
  await Promise.all(gone); // they end when all is claimed
  return { pushed, claimed: [...claimed.subarray(0, slots.handle.slots)] };
}
