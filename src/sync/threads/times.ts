// When a thread entered the app and when it left it, told to whoever traces: the thread has written it into the slot.
import { publish } from '../../core/trace.ts';
import type { Slots } from './slots.ts';
import { inFlag, word } from './words.ts';

/** `ended`: the thread is ended in the middle of the call, which leaves the app now. */
export function tellTimes(
  slots: Slots,
  slot: number,
  { id, laneOf, ended = false }: { id: string; laneOf: (thread: number) => string; ended?: boolean },
): void {
  if (!(slots.get(slot, word.inFlags) & inFlag.traced)) return;
  const { times } = slots;
  const index = slots.time(slot);
  if (ended) times[index + 1] = performance.timeOrigin + performance.now();
  const [entered = 0, left = 0] = [times[index], times[index + 1]];
  const lane = laneOf(slots.get(slot, word.thread));
  for (const [kind, at] of [
    ['dispatched', entered],
    ['app.enter', entered],
    ['app.leave', left],
  ] as const) {
    if (at > 0) publish({ at: at - performance.timeOrigin, id, lane, kind });
  }
}
