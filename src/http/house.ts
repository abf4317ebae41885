// What all connections of a listener share.
import type { Log } from '../core/log.ts';
import type { Deadlined, Deadlines } from './deadlines.ts';
import type { HeadEvent } from './events.ts';
import type { Handler, Origin } from './exchange.ts';
import type { Limits } from './limits.ts';
import type { Arrived } from './ticket.ts';

export interface House {
  readonly handler: Handler;
  readonly limits: Limits;
  readonly log: Log;
  readonly deadlines: Deadlines;
  /** Every answer closes its connection from now on. */
  readonly draining: boolean;
  /** Hears what trusted proxies say of their clients; null where none is trusted. Throws HttpError. */
  readonly correct: Correction | null;
  /** Gives each connection a ticket for its first request; null where none is given. */
  readonly arrived: Arrived | null;
  /** The connection is closed, or was given away. */
  left(member: Deadlined): void;
}

/** A request as its proxy says that it came. */
export type Correction = (event: HeadEvent, origin: Origin) => { event: HeadEvent; origin: Origin };
