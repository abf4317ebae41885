// What all connections of a node:http server share.
import type { IncomingMessage } from 'node:http';

import type { Log } from '../../core/log.ts';
import type { Deadlines } from '../deadlines.ts';
import type { Exchange } from '../exchange.ts';
import type { Correction } from '../house.ts';
import type { Limits } from '../limits.ts';

/** A Handler (exchange.ts) that may also look at what node gave out. */
export type NodeHandler = (exchange: Exchange, request: IncomingMessage) => Promise<void> | null;

export interface NodeHouse {
  readonly handler: NodeHandler;
  readonly limits: Limits;
  readonly log: Log;
  readonly deadlines: Deadlines;
  /** Every answer closes its connection from now on. */
  readonly draining: boolean;
  /** Hears what trusted proxies say of their clients; null where none is trusted. Throws HttpError. */
  readonly correct: Correction | null;
  /** Nothing of ours is under way on the connection any more. */
  rested(): void;
}
