// A place in a pool for a connection whose request is still to come: what `--buffer off` gives each of them at accept.
import { noBytes } from '../../core/bytes.ts';
import { settled } from '../../core/deferred.ts';
import { type GatewayError, HttpError } from '../../core/errors.ts';
import type { Newcomer, Ticket } from '../../http/ticket.ts';
import type { Call } from '../call.ts';
import type { EnvironData } from '../interface.ts';

/** The delivery that stands for it. */
export interface Held {
  /** Resolves when the call is answered, or cut, and the app has ended. */
  readonly settled: Promise<void>;
  /** Its head has come. */
  take(call: Call): void;
  /** Nobody will come: a thread that waits is free again, a place in the queue another's. */
  leave(): void;
}

/**
 * The call of a held delivery, until the head comes and take() puts the real one there: all that can become of it by then
 * is to fail. A pool that cannot serve it says so when the head is there.
 */
export class Reservation implements Ticket, Call {
  readonly id: string = '-';
  readonly environ: EnvironData = nothing;
  readonly length: number = 0;
  readonly #newcomer: Newcomer;
  readonly #hold: (call: Call) => Held;
  #held: Held;
  #refused: GatewayError | null = null;
  #over = false;
  #gone: AbortController | null = null;

  /** `hold` gives it a place; once more where a thread died that had it, for nothing of the app has run. */
  constructor(newcomer: Newcomer, hold: (call: Call) => Held) {
    this.#newcomer = newcomer;
    this.#hold = hold;
    this.#held = hold(this);
  }

  /** Settles as Executor.run. */
  take(call: Call): Promise<void> {
    this.#over = true;
    if (this.#refused) {
      call.fail(this.#refused);
      return settled;
    }
    this.#held.take(call);
    return this.#held.settled;
  }

  left(): void {
    this.#over = true;
    this.#held.leave();
  }

  /** Once its thread has waited too long the client is asked no more: 408, or a connection that closes in silence. */
  fail(why: GatewayError): void {
    if (this.#over) return;
    if (why.code === 'THREAD') this.#held = this.#hold(this);
    else if (why instanceof HttpError && why.status === 504) this.#newcomer.giveUp();
    else this.#refused = why;
  }

  /* ── what no delivery asks for before there is a head ── */

  async read(): Promise<{ body: Uint8Array; more: boolean }> {
    return { body: noBytes, more: false };
  }

  start(): void {}

  async write(): Promise<void> {}

  async end(): Promise<void> {}

  get gone(): AbortSignal {
    this.#gone ??= new AbortController();
    return this.#gone.signal;
  }
}

/** The place that is kept for this call; null where none is. */
export function reservationOf({ exchange }: Call): Reservation | null {
  const ticket = exchange?.ticket;
  return ticket instanceof Reservation ? ticket : null;
}

const nothing: EnvironData = {
  REQUEST_METHOD: '',
  SCRIPT_NAME: '',
  PATH_INFO: '',
  QUERY_STRING: '',
  SERVER_NAME: '',
  SERVER_PORT: '',
  SERVER_PROTOCOL: 'HTTP/1.1',
  'wsgi.version': [1, 0],
  'wsgi.url_scheme': 'http',
  'wsgi.multithread': true,
  'wsgi.multiprocess': false,
  'wsgi.run_once': false,
  'wsgi.input_terminated': true,
  'dualgate.request_id': '-',
};
