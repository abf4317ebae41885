// What a pool is made with.
import type { ResourceLimits, TransferListItem } from 'node:worker_threads';

import type { Log } from '../../core/log.ts';
import type { EnvironOptions } from '../environ.ts';
import type { ThreadOptions } from './options.ts';

export interface PoolOptions extends ThreadOptions {
  /** How many calls can be inside the app at once. */
  readonly threads: number;
  /** Slots beyond one a thread: calls that lie ready, so that a thread goes from one to the next without the loop. 64. */
  readonly spare?: number;
  /** Calls that wait for a thread, in a slot or not; one more is answered 503. 2048. */
  readonly backlog?: number;
  readonly log?: Log;
  /** Made once a thread: what the source is called with where it is a factory. */
  readonly argument?: () => { value: unknown; transfer: readonly TransferListItem[] };
  /** What environ['dualgate.lane'] says instead of `thread 1`. */
  readonly lane?: string;
  /** ms for a thread to load the app; 60 000. */
  readonly startTimeout?: number;
  /** How environs are made of requests. */
  readonly environ?: EnvironOptions;
  /** A thread whose heap grows beyond them dies, and its call with it; Node's own limits by default. */
  readonly resourceLimits?: ResourceLimits;
}
