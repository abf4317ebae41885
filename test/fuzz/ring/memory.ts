// The shared memory of the fuzzer's pools: its counters begin where they overflow soon, and all slots are free at last.
import { setTimeout as wait } from 'node:timers/promises';

import { Slots } from '../../../src/sync/threads/slots.ts';
import { state, word } from '../../../src/sync/threads/words.ts';

export interface Memory extends Disposable {
  /** What is not free after `ms`. */
  unfree(ms: number): Promise<string[]>;
}

/** Sees the slots of the pools that are made from now on; their queue's counters begin at `queue`, their rings' at `ring`. */
export function watchMemory(queue: number, ring: number): Memory {
  const { make } = Slots;
  const { renew } = Slots.prototype;
  const seen: Slots[] = [];
  Slots.make = (...shape) => {
    const slots = make(...shape);
    // head and tail of the queue are the first words of the first two cache lines
    slots.words[0] = queue;
    slots.words[16] = queue;
    seen.push(slots);
    return slots;
  };
  Slots.prototype.renew = function (this: Slots, slot: number): void {
    renew.call(this, slot);
    for (const at of [word.inWritten, word.inRead, word.outWritten, word.outRead]) this.set(slot, at, ring);
  };
  return {
    async unfree(ms) {
      const until = performance.now() + ms;
      for (;;) {
        const held = seen.flatMap((slots) =>
          Array.from({ length: slots.handle.slots }, (_, slot) => slots.get(slot, word.state)).filter(
            (now) => now !== state.free,
          ),
        );
        if (held.length === 0) return [];
        if (performance.now() > until)
          return [`${held.length} slots are not free: states ${held.join(', ')}`];
        await wait(5);
      }
    },
    [Symbol.dispose]() {
      Slots.make = make;
      Slots.prototype.renew = renew;
    },
  };
}
