// What a thread is told of a call: the request, as it came or as an environ, and what its carrier can do.
import { traced } from '../../core/trace.ts';
import type { Call } from '../call.ts';
import { encodeEnviron } from './heads.ts';
import { encodeRequest } from './request.ts';
import type { Slots } from './slots.ts';
import { inFlag, word } from './words.ts';

/** Writes it into a slot that is still the loop's; gives the flags that go with it. */
export function brief(slots: Slots, slot: number, call: Call): number {
  const { exchange, informs } = call;
  const region = slots.environ(slot);
  const length = exchange ? encodeRequest(exchange, region, slots.table(slot)) : -1;
  slots.put(slot, word.environLength, length < 0 ? encodeEnviron(call.environ, region) : length);
  return (traced() ? inFlag.traced : 0) | (exchange ? inFlag.wire : 0) | (informs ? inFlag.informs : 0);
}
