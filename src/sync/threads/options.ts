// What can be said of a pool's threads, on whichever server they are.
import type { GatewayError } from '../../core/errors.ts';
import type { ThreadMode } from './messages.ts';

/** The process has threads in native calls, which nothing can end. */
export interface Unfit {
  readonly why: GatewayError;
  /** The pool is closed, and they are still there: the process would wait for them when it exits. */
  readonly closed: boolean;
}

export interface ThreadOptions {
  /**
   * ms that a call may hold a thread without progress: nothing of its body taken, nothing of its answer. Then what blocks
   * throws an HttpError 504, and a moment later the thread is terminated. 0: no limit. 30 000.
   */
  readonly timeout?: number;
  /** ms that it may hold one in all; 0, the default: no limit. */
  readonly requestTimeout?: number;
  /** Calls after which a fresh thread takes the place of one; 0, the default: never. */
  readonly maxRequests?: number;
  /** A random part of so many is added to that. */
  readonly maxRequestsJitter?: number;
  /** Bytes of a thread's own heap and buffers, beyond which it is replaced too; 0, the default: no limit. */
  readonly maxThreadMemory?: number;
  /** Threads that have loaded the app and wait for another to end; 1 where there are two threads or more, else 0. */
  readonly warmThreads?: number;
  /** Threads that may be stuck in native calls and still be replaced; as many as there are threads. */
  readonly maxStuckThreads?: number;
  /** More than those are stuck, so that threads run out (once), or some are when the pool is closed. */
  readonly onUnfit?: (unfit: Unfit) => void;
  /** Between calls a thread waits in its event loop (`wa`, the default), or in Atomics.wait, where timers stand still (`block`). */
  readonly threadMode?: ThreadMode;
  /** Lines that the app prints in a call begin with the request's id, unless they begin with `{`. On. */
  readonly printIds?: boolean;
}

const names = [
  'timeout',
  'requestTimeout',
  'maxRequests',
  'maxRequestsJitter',
  'maxThreadMemory',
  'warmThreads',
  'maxStuckThreads',
  'onUnfit',
  'threadMode',
  'printIds',
] as const satisfies readonly (keyof ThreadOptions)[];

/** Those that were given, and nothing else. */
export function threadOptions(
  given: { readonly [N in keyof ThreadOptions]?: ThreadOptions[N] | undefined },
): ThreadOptions {
  const all: Record<string, unknown> = {};
  for (const name of names) if (given[name] !== undefined) all[name] = given[name];
  // each under its own name
  return all as ThreadOptions;
}
