// What a delivery asks of its pool.
import type { Log } from '../../core/log.ts';
import type { Early } from './early.ts';
import type { Slots } from './slots.ts';

export interface Depot<Delivery> {
  readonly slots: Slots;
  readonly log: Log;
  /** The slot is free again. */
  release(slot: number): void;
  /** It has settled. Once. */
  over(delivery: Delivery): void;
  /** The places for calls whose body is still on its way. */
  readonly early: Early;
  /** `thread 3` */
  laneOf(thread: number): string;
}
