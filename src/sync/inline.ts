// Runs a sync app on this thread: the body first, then the app, and nothing else while it runs.
import { setImmediate } from 'node:timers/promises';

import { asError, Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { publish, traced } from '../core/trace.ts';
import { asSyncApp } from './app.ts';
import type { Call, Executor } from './call.ts';
import { Errors } from './error-stream.ts';
import { failCall, logFailure } from './failure.ts';
import { Input } from './input.ts';
import type { Environ, ResponseHeaders, StatusLine, SyncApp } from './interface.ts';
import { respond, type Sink } from './responder.ts';
import { Spool } from './spool.ts';

export interface InlineOptions {
  readonly log?: Log;
  /** Bytes of request body; beyond them 413. Without a limit of its own it relies on the carrier's. */
  readonly maxBody?: number;
  /** What environ['dualgate.lane'] says; `loop` by default. */
  readonly lane?: string;
}

/** ms: after so long the loop gets a turn between two pieces, so that it sees clients come and go. */
const maxTurn = 10;

/**
 * An executor on the event loop. While the app runs, nothing else does. A body is read before the call, beyond 512 KiB
 * into a file; the answer waits for room between two pieces. Only write() cannot wait here: what it writes is queued.
 */
export class Inline implements Executor {
  readonly multithread = false;
  readonly #app: SyncApp;
  readonly #log: Log;
  readonly #maxBody: number;
  readonly #lane: string;
  readonly #running = new Map<CallSink, Promise<void>>();
  #closed = false;

  constructor(
    app: SyncApp,
    { log = silent, maxBody = Number.POSITIVE_INFINITY, lane = 'loop' }: InlineOptions = {},
  ) {
    this.#app = asSyncApp(app, app.name || 'the app');
    this.#log = log;
    this.#maxBody = maxBody;
    this.#lane = lane;
  }

  async start(): Promise<void> {}

  async run(call: Call): Promise<void> {
    if (this.#closed) return call.fail(new HttpError(503, 'The server is shutting down'));
    const sink = new CallSink(call);
    const run = this.#serve(call, sink);
    this.#running.set(sink, run);
    await run;
    this.#running.delete(sink);
  }

  async close(grace = 10_000): Promise<void> {
    this.#closed = true;
    if (this.#running.size === 0) return;
    const late = setTimeout(() => {
      for (const sink of this.#running.keys()) sink.cut();
    }, grace);
    // An app that reads, or waits for room, hears of it there; one that computes has this thread anyway.
    await Promise.all(this.#running.values());
    clearTimeout(late);
  }

  async #serve(call: Call, sink: CallSink): Promise<void> {
    const { REQUEST_METHOD, PATH_INFO } = call.environ;
    const body = new Spool({ maxBody: this.#maxBody });
    const input = new Input(body);
    const errors = new Errors((line) => this.#log.error(line, { request: call.id }));
    try {
      if (call.length !== 0) await body.fill(call);
      // Completed in place: a copy of so many keys costs more than all the rest of a small call (5.7 µs).
      const environ = call.environ as Environ;
      environ['wsgi.multithread'] = false;
      environ['wsgi.input'] = input;
      environ['wsgi.errors'] = errors;
      environ['dualgate.lane'] = this.#lane;
      environ['dualgate.client_disconnected'] = () => call.gone.aborted;
      this.#trace(call, 'app.enter');
      await drive(this.#app, environ, sink);
    } catch (thrown) {
      const error = asError(thrown);
      if (await sink.settled()) logFailure(call, { REQUEST_METHOD, PATH_INFO }, error, this.#log);
      else failCall(call, { REQUEST_METHOD, PATH_INFO }, error, this.#log);
    } finally {
      this.#trace(call, 'app.leave');
      input.expire();
      errors.flush();
      await body.close();
    }
  }

  #trace(call: Call, kind: 'app.enter' | 'app.leave'): void {
    if (traced()) publish({ at: performance.now(), id: call.id, lane: this.#lane, kind });
  }
}

async function drive(app: SyncApp, environ: Environ, sink: CallSink): Promise<void> {
  let since = performance.now();
  for (const _ of respond(app, environ, sink)) {
    await sink.room();
    // A piece has left before the app makes the next one, which may take it long (W-75).
    if (sink.flushed && performance.now() - since < maxTurn) continue;
    await setImmediate();
    sink.look();
    since = performance.now();
  }
  await sink.room();
}

/** Larger pieces may still be on their way into the socket when the next comes, so that one waits behind them. */
const large = 64 * 1024;

/** A call as a sink that never blocks: it keeps the promises, and the driver waits for them. */
class CallSink implements Sink {
  /** All that was given is with the kernel, or waits for room there. */
  flushed = true;
  readonly #call: Call;
  #ended = false;
  #cut = false;
  #pending: Promise<unknown> | null = null;
  /** A large piece is not in yet. */
  #tail: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(call: Call) {
    this.#call = call;
  }

  start(status: StatusLine, headers: ResponseHeaders): void {
    this.#call.start(status, headers);
  }

  write(chunk: Uint8Array, held: boolean): void {
    this.check();
    // An app may fill the same buffer again for its next piece, as it may on a thread, where the ring holds a copy.
    const bytes = held ? chunk : Uint8Array.prototype.slice.call(chunk);
    const written = this.#inOrder(() => this.#call.write(bytes));
    if (bytes.length > large) this.#tail = written;
    if (held) return;
    this.#call.flush?.();
    this.flushed = this.#call.flush !== undefined;
  }

  end(): void {
    this.#ended = true;
    this.#inOrder(() => this.#call.end());
  }

  /** Only what a write has met: while the loop has had no turn, nobody can have seen the client leave. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  look(): void {
    this.check();
    if (this.#call.gone.aborted) throw new Disconnected();
  }

  /** Until everything so far has been taken. Throws what a write failed with. */
  async room(): Promise<void> {
    const pending = this.#pending;
    this.#pending = null;
    await pending;
    this.#tail = null;
    if (this.#failure) throw this.#failure.error;
  }

  /** Has the whole answer been taken, or was it cut? */
  async settled(): Promise<boolean> {
    if (this.#cut) return true;
    await this.#pending;
    return this.#ended;
  }

  /** The server will wait no longer: the app hears of it at its next piece. */
  cut(): void {
    this.#cut = true;
    this.#failure ??= { error: new Disconnected('The server was closed before the answer was complete') };
    this.#call.fail(new GatewayError('CLOSED', 'The server was closed before the answer was complete'));
  }

  /** At once, or behind the large piece that is not in yet. Its failure is caught here: the driver looks at it later. */
  #inOrder(act: () => Promise<void>): Promise<void> {
    const acted = this.#tail ? this.#tail.then(() => (this.#failure ? undefined : act())) : act();
    const caught = acted.catch((error: unknown) => {
      this.#failure ??= { error };
      this.#ended = false;
    });
    this.#pending = this.#pending ? Promise.all([this.#pending, caught]) : caught;
    return caught;
  }
}
