// What a pool and its threads say to each other, beside the words in shared memory.
import type { Failure } from '../../core/failure.ts';
import type { AppSource } from '../../core/load.ts';
import type { EnvironData, ResponseHeaders, StatusLine } from '../interface.ts';
import type { SlotsHandle } from './slots.ts';

/** What a thread is started with. */
export interface ThreadData {
  readonly slots: SlotsHandle;
  /** From 0; its lane is `thread index+1`. */
  readonly index: number;
  readonly lane: string;
  readonly source: AppSource;
  /** Given to the source's factory. */
  readonly argument: unknown;
}

export type FromThread =
  /** The app is loaded. */
  | { readonly kind: 'ready' }
  /** The app cannot be loaded; the thread ends. */
  | { readonly kind: 'refused'; readonly error: Failure }
  /** Look at the dirty bits. */
  | 0
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
  /** A line of wsgi.errors; counted in shared memory, so that no more than a few are on their way. */
  | { readonly kind: 'line'; readonly request: unknown; readonly text: string }
  /** What the app threw; the slot's outFlags say `failed` as well. */
  | { readonly kind: 'failed'; readonly slot: number; readonly generation: number; readonly error: Failure };

/** The answer to `environ wanted`; the thread blocks until it comes. */
export interface ToThread {
  readonly kind: 'environ';
  readonly slot: number;
  readonly generation: number;
  readonly environ: EnvironData;
}
