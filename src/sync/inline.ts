// Runs a sync app on this thread: the body first, then the app, and nothing else while it runs.
import { setImmediate } from 'node:timers/promises';

import { settled } from '../core/deferred.ts';
import { asError, Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { publish, traced } from '../core/trace.ts';
import type { Piece } from '../http/exchange.ts';
import { asSyncApp } from './app.ts';
import type { Call, Executor } from './call.ts';
import { Errors } from './error-stream.ts';
import { type Asked, failCall, logFailure } from './failure.ts';
import { timed, tooLong } from './held-loop.ts';
import { here } from './here.ts';
import { Input, type Source } from './input.ts';
import type { Environ, EnvironData, ResponseHeaders, StatusLine, SyncApp } from './interface.ts';
import { respond, type Sink } from './responder.ts';
import type { Head } from './response-head.ts';
import { Spool } from './spool.ts';

export interface InlineOptions {
  readonly log?: Log;
  /** Bytes of request body; beyond them 413. Without a limit of its own it relies on the carrier's. */
  readonly maxBody?: number;
  /** What environ['dualgate.lane'] says; `loop` by default. */
  readonly lane?: string;
  /** ms that the app may hold this thread at once before the log says so: here nothing can end it. 0: never. 30 000. */
  readonly timeout?: number;
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
  readonly #timeout: number;
  readonly #running = new Map<Job, Promise<void>>();
  #closed = false;

  constructor(
    app: SyncApp,
    { log = silent, maxBody = Number.POSITIVE_INFINITY, lane = 'loop', timeout = 30_000 }: InlineOptions = {},
  ) {
    this.#app = asSyncApp(app, app.name || 'the app');
    this.#log = log;
    this.#maxBody = maxBody;
    this.#lane = lane;
    this.#timeout = timeout;
  }

  async start(): Promise<void> {}

  run(call: Call): Promise<void> {
    if (this.#closed) {
      call.fail(new HttpError(503, 'The server is shutting down'));
      return settled;
    }
    const job = new Job(call, this.#log);
    const first = call.length === 0 ? null : here(call);
    const whole = call.length === 0 || (first && !first.more && first.body.length <= this.#maxBody);
    if (!whole || traced()) return this.#track(job, this.#serve(job, first));
    if (first) job.input.from(onePiece(first.body));
    const { environ } = call;
    const asked = askedBy(environ);
    try {
      const rest = this.#begin(environ, job);
      if (rest) return this.#track(job, this.#play(job, this.#timed(rest, job), asked));
    } catch (thrown) {
      job.end();
      return this.#failed(job, asked, asError(thrown));
    }
    job.end();
    const room = job.sink.taken();
    if (room === settled) return settled;
    return this.#track(
      job,
      room.catch((error: unknown) => this.#failed(job, asked, asError(error))),
    );
  }

  async close(grace = 10_000): Promise<void> {
    this.#closed = true;
    if (this.#running.size === 0) return;
    const late = setTimeout(() => {
      for (const { sink } of this.#running.keys()) sink.cut();
    }, grace);
    // An app that reads, or waits for room, hears of it there; one that computes has this thread anyway.
    await Promise.all(this.#running.values());
    clearTimeout(late);
  }

  /** Until it is over, close() waits for it. */
  async #track(job: Job, run: Promise<void>): Promise<void> {
    this.#running.set(job, run);
    await run;
    this.#running.delete(job);
  }

  /** A request with a body, which is read first; `first` is what was read of it already. */
  async #serve(job: Job, first: Piece | null): Promise<void> {
    const { call } = job;
    const { environ } = call;
    const asked = askedBy(environ);
    const body = new Spool({ maxBody: this.#maxBody });
    job.input.from(body);
    try {
      if (call.length !== 0) await body.fill(call, first);
      this.#trace(call, 'app.enter');
      const rest = this.#begin(environ, job);
      if (rest) await drive(this.#timed(rest, job), job.sink);
      else await job.sink.taken();
    } catch (thrown) {
      await this.#failed(job, asked, asError(thrown));
    } finally {
      this.#trace(call, 'app.leave');
      job.end();
      await body.close();
    }
  }

  /** What is left of an answer that has no request body. */
  async #play(job: Job, rest: Iterable<void>, asked: Asked): Promise<void> {
    try {
      await drive(rest, job.sink);
    } catch (thrown) {
      await this.#failed(job, asked, asError(thrown));
    } finally {
      job.end();
    }
  }

  async #failed({ call, sink }: Job, asked: Asked, error: Error): Promise<void> {
    if (await sink.settled()) logFailure(call, asked, error, this.#log);
    else failCall(call, asked, error, this.#log);
  }

  /** Calls the app. */
  #begin(data: EnvironData, job: Job): Generator<void, void, void> | null {
    const environ = this.#complete(data, job);
    if (this.#timeout === 0) return respond(this.#app, environ, job.sink);
    const from = Date.now(); // half of what performance.now() costs
    try {
      return respond(this.#app, environ, job.sink);
    } finally {
      const why = tooLong(Date.now() - from, this.#timeout);
      if (why !== null) job.late(why);
    }
  }

  #timed(rest: Generator<void, void, void>, job: Job): Iterable<void> {
    return this.#timeout > 0 ? timed(rest, this.#timeout, (why) => job.late(why)) : rest;
  }

  /** Completed in place: a copy of so many keys costs more than all the rest of a small call (5.7 µs). */
  #complete(data: EnvironData, { call, input, errors }: Job): Environ {
    const environ = data as Environ;
    environ['wsgi.multithread'] = false;
    environ['wsgi.input'] = input;
    environ['wsgi.errors'] = errors;
    environ['dualgate.lane'] = this.#lane;
    environ['dualgate.client_disconnected'] = goneOf(call);
    return environ;
  }

  #trace(call: Call, kind: 'app.enter' | 'app.leave'): void {
    if (traced()) publish({ at: performance.now(), id: call.id, lane: this.#lane, kind });
  }
}

/** Before the app runs, which may change its environ. */
function askedBy({ REQUEST_METHOD, PATH_INFO }: EnvironData): Asked {
  return { REQUEST_METHOD, PATH_INFO };
}

/** One call, and what the app has of it while it lasts. */
class Job {
  readonly call: Call;
  readonly sink: CallSink;
  readonly input: Input = new Input(noBody);
  readonly errors: Errors;
  readonly #log: Log;

  constructor(call: Call, log: Log) {
    this.call = call;
    this.#log = log;
    this.sink = new CallSink(call);
    this.errors = new Errors((line) => log.error(line, { request: call.id }));
  }

  /** The app has held the loop for too long. */
  late(why: string): void {
    const { REQUEST_METHOD, PATH_INFO } = this.call.environ;
    this.#log.warn(`${why}: ${REQUEST_METHOD} ${JSON.stringify(PATH_INFO)}`, { request: this.call.id });
  }

  end(): void {
    this.input.expire();
    this.errors.flush();
  }
}

/**
 * environ['dualgate.client_disconnected']. Made here and not where it is stored: V8 takes a closure that is written straight
 * into a property for one that stays, puts all that it sees into the old generation, and collects three times as much
 * (Node 26, GET hello: 97 000 requests a second instead of 31 000; Node 20: one pause of 8 ms less in a hundred requests).
 */
function goneOf(call: Call): () => boolean {
  return () => call.gone.aborted;
}

const noBody: Source = { ready: true, next: () => null };

/** A body that has come with its head. */
function onePiece(piece: Uint8Array): Source {
  let left: Uint8Array | null = piece.length > 0 ? piece : null;
  return {
    ready: true,
    next() {
      const next = left;
      left = null;
      return next;
    },
  };
}

async function drive(rest: Iterable<void>, sink: CallSink): Promise<void> {
  let since = performance.now();
  for (const _ of rest) {
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
  #pending: Promise<void> | null = null;
  /** A large piece is not in yet. */
  #tail: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(call: Call) {
    this.#call = call;
  }

  get informs(): boolean {
    return this.#call.informs === true;
  }

  inform(headers: ResponseHeaders): void {
    this.#call.inform?.(headers);
  }

  start(status: StatusLine, headers: ResponseHeaders): void {
    this.#call.start(status, headers);
  }

  whole(head: Head, chunk: Uint8Array): void {
    this.#ended = true;
    if (this.#call.whole) this.#pending = this.#call.whole(head, chunk);
    else {
      this.#call.start(head.status, head.headers);
      this.#inOrder(() => this.#call.write(chunk));
      this.#inOrder(() => this.#call.end());
    }
  }

  /** The whole answer, with nothing behind it. Rejects with what it failed with. */
  taken(): Promise<void> {
    if (this.#failure) return this.room();
    const pending = this.#pending;
    if (pending === settled || pending === null) return settled;
    this.#pending = pending.catch((error: unknown) => {
      this.#failure ??= { error };
      this.#ended = false;
    });
    return this.room();
  }

  write(chunk: Uint8Array, held: boolean): void {
    this.check();
    // An app may fill the same buffer again for its next piece, as it may on a thread, where the ring holds a copy.
    const copied = held || (this.#call.exchange?.copies === true && chunk.length <= large);
    const bytes = copied ? chunk : Uint8Array.prototype.slice.call(chunk);
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
    this.#pending = this.#pending ? Promise.all([this.#pending, caught]).then(nothing) : caught;
    return caught;
  }
}

function nothing(): void {}
