// What an executor needs of one request, whoever carries it: an exchange on the sync server, or a bridge.
import type { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { EnvironData, ResponseHeaders, StatusLine } from './interface.ts';
import type { Head } from './response-head.ts';

export interface Call {
  readonly id: string;
  /** Who carries it, where that is a connection of the server: what a thread is told of the request is read from there. */
  readonly exchange?: Exchange;
  /** Fresh for this call. Plain data, complete but for what the executor adds: wsgi.input, wsgi.errors, wsgi.multithread, dualgate.lane. */
  readonly environ: EnvironData;
  /** The declared length of the body: 0 for none, null for unknown. */
  readonly length: number | null;
  /** As Exchange.read. */
  read(): Promise<{ readonly body: Uint8Array; readonly more: boolean }>;
  /** Held back by the carrier until the first write or end. */
  start(status: StatusLine, headers: ResponseHeaders): void;
  write(chunk: Uint8Array): Promise<void>;
  /** start(), the only piece and the end in one. */
  whole?(head: Head, chunk: Uint8Array): Promise<void>;
  /** Sends now what write() took and holds until the end of this turn of the loop: for an app that blocks the loop. */
  flush?(): void;
  end(): Promise<void>;
  /** Can the connection carry a 103? */
  readonly informs?: boolean;
  /** Sends one at once, while the head is unsent. */
  inform?(headers: ResponseHeaders): void;
  /** Cut, or 500 where the head is unsent. */
  fail(why: GatewayError): void;
  /** Aborts when the client goes away before the answer is complete. */
  readonly gone: AbortSignal;
}

/** Runs a sync app. */
export interface Executor {
  /** Is the app called from several threads at once? (wsgi.multithread) */
  readonly multithread: boolean;
  /** Resolves when it can take calls; rejects with APP_LOAD or APP_KIND when the app cannot be loaded. */
  start(): Promise<void>;
  /** Settles when the answer is complete, or was cut; never rejects. */
  run(call: Call): Promise<void>;
  /** The same for a call with an exchange, which is ended or failed in any case: null where nobody need wait for that. */
  serve?(call: Call): Promise<void> | null;
  /** Lets what runs finish for at most `grace` ms, then ends it. Safe to call twice. */
  close(grace?: number): Promise<void>;
}
