// What a pool and its threads say to each other, beside the words in shared memory.
import type { Failure } from '../../core/failure.ts';
import type { AppSource } from '../../core/load.ts';
import type { EnvironOptions } from '../environ.ts';
import type { EnvironData, ResponseHeaders, StatusLine } from '../interface.ts';
import type { SlotsHandle } from './slots.ts';

/** What a thread is started with. */
export interface ThreadData {
  readonly slots: SlotsHandle;
  readonly source: AppSource;
  /** Given to the source's factory. */
  readonly argument: unknown;
  readonly habits: Habits;
}

/** How a thread works. */
export interface Habits {
  /** `wa`: it waits in its event loop, where the app's timers and promises go on between calls. `block`: in Atomics.wait. */
  readonly mode: ThreadMode;
  /** Bytes of its own heap and buffers, beyond which it asks to be replaced; 0: no limit. */
  readonly maxMemory: number;
  /** What the app prints in a call has the request's id before it. */
  readonly printIds: boolean;
  /** How it makes an environ of a request that came as one. */
  readonly environOptions: EnvironOptions;
}

export type ThreadMode = 'wa' | 'block';

export type FromThread =
  /** The app is loaded. */
  | { readonly kind: 'ready' }
  /** The app cannot be loaded; the thread ends. */
  | { readonly kind: 'refused'; readonly error: Failure }
  /** Look at the dirty bits. */
  | 0
  /** It should be replaced: so many calls, or so much memory. It serves on until it is dismissed. */
  | { readonly kind: 'worn'; readonly why: string }
  /** It was dismissed, and takes no call any more. */
  | { readonly kind: 'left' }
  /** A request head that did not fit into its slot is wanted. */
  | { readonly kind: 'environ wanted'; readonly slot: number; readonly generation: number }
  /** A response head that does not fit into its slot. */
  | {
      readonly kind: 'head';
      readonly slot: number;
      readonly generation: number;
      readonly status: StatusLine;
      readonly headers: ResponseHeaders;
    }
  /** Early hints; they leave before the head, for which the loop waits until they are here. */
  | {
      readonly kind: 'hints';
      readonly slot: number;
      readonly generation: number;
      readonly headers: ResponseHeaders;
    }
  /** A line of wsgi.errors; counted in shared memory, so that no more than a few are on their way. */
  | { readonly kind: 'line'; readonly request: unknown; readonly text: string }
  /** What the app threw; the slot's outFlags say `failed` as well. */
  | { readonly kind: 'failed'; readonly slot: number; readonly generation: number; readonly error: Failure };

/** The thread has a place in the pool from now on. A spare one waits for it. */
export interface Seat {
  readonly kind: 'seat';
  /** From 0. */
  readonly index: number;
  readonly lane: string;
  /** Calls after which it asks to be replaced; 0: no limit. */
  readonly maxCalls: number;
}

/** The answer to `environ wanted`; the thread blocks until it comes. */
export interface Environment {
  readonly kind: 'environ';
  readonly slot: number;
  readonly generation: number;
  readonly environ: EnvironData;
}

export type ToThread = Seat | Environment;
