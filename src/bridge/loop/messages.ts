// What the owner of a loop thread, the thread and its blocked callers say to each other.
import type { MessagePort } from 'node:worker_threads';

import type { Failure } from '../../core/failure.ts';
import type { AppSource } from '../../core/load.ts';
import type { Level } from '../../core/log.ts';
import type { MailboxHandle } from '../../core/mailbox.ts';
import type { StatusLine } from '../../sync/interface.ts';
import type { ScopeData } from '../scope-from-environ.ts';

/** What the thread is started with. */
export interface LoopData {
  readonly source: AppSource;
  readonly lifespan: 'auto' | 'on' | 'off';
  readonly startupTimeout: number;
  readonly shutdownTimeout: number;
}

export type OwnerToThread =
  | { readonly kind: 'caller'; readonly handle: MailboxHandle }
  /**
   * Every call hears http.disconnect and has `grace` ms, or `deserted` ms once all callers have ended; then the lifespan is
   * shut down, then the thread ends.
   */
  | { readonly kind: 'close'; readonly grace: number; readonly deserted: number };

export type ThreadToOwner =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: Failure }
  /** It was told to close, and its calls are over: the lifespan is next. */
  | { readonly kind: 'leaving' }
  | {
      readonly kind: 'log';
      readonly level: Exclude<Level, 'silent'>;
      readonly message: string;
      readonly error?: Failure;
      readonly fields?: Readonly<Record<string, unknown>>;
    };

/** What a caller is given: plain data, and two ports to be transferred. */
export interface CallerGiven extends MailboxHandle {
  /** Brings a MailboxHandle whenever the thread was started again. */
  readonly lobby: MessagePort;
  /** How long a caller waits for the app's next event, in milliseconds. */
  readonly timeout: number;
}

/** One call each `id`; several may be under way, though the thread blocks on one at a time. */
export type CallerToThread = {
  readonly id: number;
} /** `request` is the id that the server gave it, for logs. */ & (
  | { readonly kind: 'open'; readonly scope: ScopeData; readonly request: string }
  /** The answer to `want`. */
  | { readonly kind: 'body'; readonly body: Uint8Array; readonly more: boolean }
  /** The answer to `want` where reading failed: receive() throws it. */
  | { readonly kind: 'broken'; readonly error: Failure }
  /** So many weights of the answer were taken. */
  | { readonly kind: 'credit'; readonly taken: number }
  | { readonly kind: 'gone' }
);

export type ThreadToCaller = { readonly id: number } /** The app awaits receive(). */ & (
  | { readonly kind: 'want' }
  /** A piece of the answer; the first one brings its head. */
  | {
      readonly kind: 'answer';
      readonly head?: ResponseHead;
      readonly body: Uint8Array;
      readonly more: boolean;
    }
  | { readonly kind: 'failed'; readonly error: Failure }
);

export interface ResponseHead {
  readonly status: StatusLine;
  readonly headers: Array<[name: string, value: string]>;
}
