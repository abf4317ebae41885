// A whole answer in a slot, as it leaves: put there by the thread, handed to the socket by the loop, which adds nothing.
import { putBytes } from '../../core/bytes.ts';
import { plainHead } from '../../http/encoder.ts';
import type { WholeAnswer } from '../../http/exchange.ts';
import type { Head } from '../response-head.ts';
import type { Slots } from './slots.ts';
import { outFlag, word } from './words.ts';

/** Bytes of its body: larger ones leave as they are put into the ring. */
const largest = 32 * 1024;
/** Up to so many bytes it leaves as one text: that costs the socket less than bytes do. */
const shortest = 2 * 1024;

/** For a thread. False where it is too large. */
export function putWhole(slots: Slots, slot: number, { checked }: Head, chunk: Uint8Array): boolean {
  if (chunk.length > largest) return false;
  const text = plainHead(checked);
  const wire = slots.wire(slot);
  if (text.length + chunk.length > wire.length) return false;
  wire.write(text, 0, 'latin1');
  putBytes(wire, chunk, text.length);
  slots.put(slot, word.status, checked.status);
  slots.put(slot, word.headLength, text.length);
  slots.put(slot, word.outWritten, text.length + chunk.length);
  slots.add(slot, word.outFlags, outFlag.whole);
  return true;
}

/** For the loop, once the slot is done. Its body is the slot's memory. */
export function takeWhole(slots: Slots, slot: number): WholeAnswer {
  const wire = slots.wire(slot);
  const size = slots.peek(slot, word.outWritten);
  const head = slots.peek(slot, word.headLength);
  const text = wire.toString('latin1', 0, size <= shortest ? size : head);
  const body = size <= shortest ? null : wire.subarray(head, size);
  return { status: slots.peek(slot, word.status), text, blank: head - 2, body };
}
