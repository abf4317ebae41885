// When a thread took a call, and when it entered the app and left it, told to whoever traces: the thread has noted it in the slot.
import { publish } from '../../core/trace.ts';
import type { Depot } from './depot.ts';
import { inFlag, state, word } from './words.ts';

/**
 * Nothing where nobody traced it as it began, or where its head never came. `goesOn`: that it has entered the app, and no
 * more yet. `ended`: its thread is ended in the middle of the call, which leaves the app now. Each is told once.
 */
export function tellTimes(
  { slots, laneOf }: Pick<Depot<unknown>, 'slots' | 'laneOf'>,
  slot: number,
  { id, stage }: { id: string; stage: 'goesOn' | 'ended' | 'over' },
): void {
  const flags = slots.get(slot, word.inFlags);
  if (!(flags & inFlag.traced) || flags & inFlag.held) return;
  if (stage === 'goesOn' && slots.get(slot, word.state) < state.running) return; // no thread has it yet
  const { times } = slots;
  const index = slots.time(slot);
  if (stage === 'ended') times[index + 1] = performance.timeOrigin + performance.now();
  const [taken = 0, left = 0, came = 0] = times.subarray(index, index + 3);
  const lane = laneOf(slots.get(slot, word.thread));
  // Where the thread waited for the head, the app was entered behind that; what an earlier call has left there is older.
  for (const [kind, at] of [
    ['dispatched', taken],
    ['app.enter', taken > 0 ? Math.max(taken, came) : 0],
    ['app.leave', stage === 'goesOn' ? 0 : left],
  ] as const) {
    if (at > 0) publish({ at: at - performance.timeOrigin, id, lane, kind });
  }
  times[index] = 0;
}
