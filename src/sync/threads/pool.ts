// Runs a sync app on threads that may block: calls go into shared slots, and whichever thread is free pulls one.
import { settled } from '../../core/deferred.ts';
import { asError, GatewayError, HttpError } from '../../core/errors.ts';
import { restore } from '../../core/failure.ts';
import type { AppSource } from '../../core/load.ts';
import { type Log, silent } from '../../core/log.ts';
import { publish, traced } from '../../core/trace.ts';
import type { Newcomer } from '../../http/ticket.ts';
import type { Call, Executor } from '../call.ts';
import { failCall } from '../failure.ts';
import { Crew, type FromSeat } from './crew.ts';
import { type Overrun, Watch } from './deadlines.ts';
import { Delivery } from './delivery.ts';
import type { Depot } from './depot.ts';
import { Early } from './early.ts';
import type { PoolOptions } from './pool-options.ts';
import { Reservation, reservationOf } from './reservation.ts';
import { Slots } from './slots.ts';
import { state, word } from './words.ts';
import { Wakes } from './wakes.ts';

/** Bytes of each slot's two rings: smaller costs wake-ups, larger gains nothing (sync-threads.md 4). */
const ringSize = 64 * 1024;
/** ms between two looks at the calls that take longer. */
const sweepEvery = 25;

/**
 * An executor on threads. No call is bound to a thread before that thread takes it, so one that is stuck holds up only
 * itself. A body is awaited before a thread takes the call. One that takes longer than a moment or fills 64 KiB, or that
 * the client sends only when it is asked for, is handed over as it comes; but only so many at once that half of the threads
 * are left for others, and the rest wait for one of those places. A pool of one thread hands over none that is merely slow.
 */
export class Pool implements Executor {
  readonly multithread: boolean;
  readonly #slots: Slots;
  readonly #crew: Crew;
  readonly #watch: Watch | null;
  readonly #wakes: Wakes;
  readonly #log: Log;
  readonly #depot: Depot<Delivery>;
  readonly #backlog: number;
  readonly #lane: string | undefined;
  readonly #tellUnfit: PoolOptions['onUnfit'];
  /** The delivery in each slot, and the slots that have none. */
  readonly #at: Array<Delivery | undefined>;
  readonly #free: number[];
  #zombies = 0;
  /** In the order of arrival. */
  readonly #waiting = new Set<Delivery>();
  /** All that are not settled. No Set: V8 chains a Set's old tables, and with them all that ever was in one (GC took 4 µs a call). */
  readonly #open: Delivery[] = [];
  /** Is a place kept for connections whose request is still to come? */
  #reserves = false;
  #flushing = false;
  #sweeper: NodeJS.Timeout | null = null;
  #closed: Promise<void> | null = null;

  constructor(source: AppSource, options: PoolOptions) {
    const {
      threads,
      spare = 64,
      backlog = 2048,
      log = silent,
      argument,
      lane,
      startTimeout = 60_000,
    } = options;
    const { timeout = 30_000, requestTimeout = 0 } = options;
    if (!Number.isInteger(threads) || threads < 1) {
      throw new GatewayError('USAGE', `A pool has at least one thread, not "${threads}"`);
    }
    this.multithread = threads > 1;
    this.#slots = Slots.make(threads, threads + Math.max(0, spare), ringSize);
    this.#wakes = new Wakes(this.#slots);
    this.#at = new Array(threads + Math.max(0, spare));
    this.#free = Array.from(this.#at.keys()).reverse();
    this.#backlog = backlog;
    this.#log = log;
    this.#lane = lane;
    this.#tellUnfit = options.onUnfit;
    this.#depot = {
      slots: this.#slots,
      log,
      release: (slot) => this.#release(slot),
      over: (delivery) => this.#over(delivery),
      laneOf: (thread) => this.laneOf(thread),
      early: new Early(Math.max(1, Math.floor(threads / 2))),
    };
    const limits = { timeout, requestTimeout };
    this.#watch = timeout > 0 || requestTimeout > 0 ? new Watch(this.#slots, limits) : null;
    this.#crew = new Crew({
      source,
      slots: this.#slots,
      laneOf: (thread) => this.laneOf(thread),
      argument,
      startTimeout,
      resourceLimits: options.resourceLimits,
      habits: {
        mode: options.threadMode ?? 'wa',
        maxMemory: options.maxThreadMemory ?? 0,
        printIds: options.printIds ?? true,
        environOptions: options.environ ?? {},
      },
      warm: options.warmThreads ?? (threads > 1 ? 1 : 0),
      maxCalls: options.maxRequests ?? 0,
      maxCallsJitter: options.maxRequestsJitter ?? 0,
      quarantine: options.maxStuckThreads ?? threads,
      log,
      onMessage: (thread, message) => this.#onMessage(thread, message),
      onDeath: (thread, why) => this.#onDeath(thread, why),
      onFreed: (slot) => this.#onFreed(slot),
      onUnfit: (why) => this.#onUnfit(why, false),
    });
  }

  start(): Promise<void> {
    return this.#crew.start();
  }

  run(call: Call): Promise<void> {
    return this.#enter(call)?.settled ?? settled;
  }

  serve(call: Call): null {
    this.#enter(call);
    return null;
  }

  #enter(call: Call): Pick<Delivery, 'settled'> | null {
    if (this.#closed) {
      call.fail(closing());
      return null;
    }
    const reservation = this.#reserves ? reservationOf(call) : null;
    if (reservation) return { settled: reservation.take(call) };
    const delivery = this.#delivery(call);
    if (call.length === 0 || delivery.takesAtOnce()) this.#place(delivery);
    else void this.#collect(delivery);
    return delivery;
  }

  /**
   * A place for a call whose head is still to come: a thread that is free waits for it from now on, and its body is not
   * awaited either. The call that comes with this ticket takes it.
   */
  reserve(newcomer: Newcomer): Reservation {
    this.#reserves = true;
    return new Reservation(newcomer, (call) => this.#hold(call));
  }

  #hold(call: Call): Delivery {
    const delivery = this.#delivery(call);
    delivery.held = true;
    if (this.#closed) this.#refuse(delivery, closing());
    else this.#place(delivery);
    return delivery;
  }

  #delivery(call: Call): Delivery {
    const delivery = new Delivery(call, this.#depot);
    delivery.place = this.#open.push(delivery) - 1;
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepEvery).unref();
    return delivery;
  }

  /** Its body is awaited, or a part of it. */
  async #collect(delivery: Delivery): Promise<void> {
    try {
      await delivery.collect(ringSize);
      if (!delivery.over) this.#place(delivery);
    } catch (error) {
      failCall(delivery.call, delivery.call.environ, asError(error), this.#log);
      delivery.settle();
    }
  }

  async close(grace = 10_000): Promise<void> {
    this.#closed ??= this.#end(grace);
    await this.#closed;
  }

  /** Spare threads that can step in at once. */
  get spares(): number {
    return this.#crew.spares;
  }

  /** Threads that were told to end and have not: native calls cannot be ended. */
  get quarantined(): number {
    return this.#crew.quarantined;
  }

  laneOf(thread: number): string {
    return this.#lane ?? `thread ${thread + 1}`;
  }

  /** Into a free slot, or into the backlog; refused where that is full too. */
  #place(delivery: Delivery): void {
    if (!this.#crew.works) return this.#refuse(delivery, noThread());
    if (traced() && !delivery.held)
      publish({ at: performance.now(), id: delivery.call.id, lane: 'pool', kind: 'queued' });
    if (this.#inside >= this.#most) {
      const why = `All threads are busy, and ${this.#backlog} requests wait for one already`;
      return this.#refuse(delivery, new HttpError(503, why));
    }
    const slot = this.#free.pop();
    if (slot === undefined) this.#waiting.add(delivery);
    else this.#dispatch(delivery, slot);
  }

  /** Calls that have a slot or wait for one. A zombie's slot has none any more. */
  get #inside(): number {
    return this.#at.length - this.#free.length - this.#zombies + this.#waiting.size;
  }

  /** One a thread, and those that may wait: in a slot or not is the same to whoever waits. */
  get #most(): number {
    return this.#slots.handle.threads + this.#backlog;
  }

  #refuse(delivery: Delivery, why: HttpError): void {
    delivery.call.fail(why);
    delivery.settle();
  }

  /** Nothing of it is under way any more. */
  #over(delivery: Delivery): void {
    if (this.#waiting.size > 0) this.#waiting.delete(delivery);
    this.#drop(delivery.place);
  }

  /** The last one takes its place. */
  #drop(place: number): void {
    const last = this.#open.pop();
    if (!last || last.place === place) return;
    last.place = place;
    this.#open[place] = last;
  }

  #dispatch(delivery: Delivery, slot: number): void {
    this.#at[slot] = delivery;
    delivery.load(slot);
    this.#slots.push(slot);
    this.#wakeSoon();
  }

  /** One wake a turn of the loop, however many calls came in it: wakes are what costs, not copies (sync-threads.md 1). */
  #wakeSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#wakes.flush();
      if (this.#slots.called) this.#look();
    });
  }

  #look(): void {
    this.#slots.changed((slot) => this.#at[slot]?.look());
  }

  #release(slot: number): void {
    this.#at[slot] = undefined;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#dispatch(next, slot);
      return;
    }
    this.#free.push(slot);
  }

  #onMessage(thread: number, message: FromSeat): void {
    if (message === 0) {
      this.#look();
      return;
    }
    if (message.kind === 'line') {
      this.#slots.countLine(-1);
      this.#log.error(message.text, { request: message.request });
      return;
    }
    const delivery = this.#at[message.slot];
    if (!delivery?.isAt(message.slot, message.generation)) return;
    if (message.kind === 'environ wanted') this.#giveEnviron(thread, delivery, message);
    else if (message.kind === 'head') delivery.takeHead(message);
    else if (message.kind === 'hints') delivery.takeHints(message.headers);
    else delivery.takeFailure(restore(message.error));
  }

  #giveEnviron(thread: number, delivery: Delivery, at: { slot: number; generation: number }): void {
    const { slot, generation } = at;
    try {
      this.#crew.post(thread, { kind: 'environ', slot, generation, environ: delivery.call.environ });
      this.#slots.ring(slot);
    } catch (error) {
      const why = `The environ cannot go to a thread: ${asError(error).message}`;
      delivery.cut(new HttpError(500, why, { cause: error }));
    }
  }

  #onDeath(thread: number, why: GatewayError): void {
    this.#slots.getUp(thread);
    // It may have died between marking a slot and sending the message for it.
    this.#look();
    for (const delivery of this.#at) {
      if (delivery?.runsOn(thread)) delivery.abandon(why);
    }
    this.#slots.requeue();
    this.#wakeSoon();
  }

  /** A thread that ends its call just now has been faster, and lives. */
  #overrun({ slot, thread, why }: Overrun): void {
    if (!this.#slots.turn(slot, state.running + thread, state.zombie)) return;
    const delivery = this.#at[slot];
    this.#at[slot] = undefined;
    if (delivery) {
      const { call } = delivery;
      const what = `${call.environ.REQUEST_METHOD} ${JSON.stringify(call.environ.PATH_INFO)}`;
      const where = this.laneOf(thread);
      this.#log.error(`${why.message}: ${what} on ${where}, which is ended; another takes its place`, {
        request: call.id,
      });
    }
    this.#zombies += 1;
    this.#crew.condemn(thread, slot);
    delivery?.condemn(why);
    if (!this.#crew.works) this.#refuseWaiting();
  }

  #onFreed(slot: number): void {
    this.#zombies -= 1;
    // The thread may have been ended between setting the slot's bit and calling: who has the slot next would call nobody.
    this.#look();
    this.#slots.set(slot, word.state, state.free);
    this.#release(slot);
    this.#wakeSoon();
  }

  #onUnfit(why: GatewayError, closed: boolean): void {
    this.#log.error(why.message);
    this.#tellUnfit?.({ why, closed });
  }

  /** No thread will come for them. */
  #refuseWaiting(): void {
    for (const [slot, delivery] of this.#at.entries()) {
      if (delivery && this.#slots.turn(slot, state.ready, state.cancelled)) delivery.cut(noThread());
    }
    for (const delivery of this.#waiting) delivery.cut(noThread());
    this.#waiting.clear();
  }

  /** Calls that last: from now on they hear when their client goes; and those that have lasted too long are ended. */
  #sweep(): void {
    if (this.#slots.queued > 0) this.#wakes.flush();
    for (const overrun of this.#watch?.look(performance.now()) ?? []) this.#overrun(overrun);
    for (const delivery of this.#open) {
      if (delivery.watch()) continue;
      if (this.multithread) delivery.intake?.hurry();
    }
    if (this.#open.length > 0 || !this.#sweeper) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  async #end(grace: number): Promise<void> {
    // Who has asked for nothing has nothing to finish.
    for (const delivery of [...this.#open]) if (delivery.held) delivery.leave();
    const open = this.#open.map((delivery) => delivery.settled);
    let late: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => {
      late = setTimeout(resolve, grace);
    });
    if (open.length > 0) await Promise.race([Promise.all(open), timeUp]);
    clearTimeout(late);
    for (const delivery of [...this.#open]) {
      delivery.cut(new GatewayError('CLOSED', 'The server was closed before the answer was complete'));
    }
    if (this.#sweeper) clearInterval(this.#sweeper);
    this.#sweeper = null;
    this.#wakes.close();
    this.#slots.shut();
    const stuck = await this.#crew.close();
    if (stuck === 0) return;
    const why = `The pool is closed, and some of its threads (${stuck}) are in native calls that nothing can end`;
    this.#onUnfit(new GatewayError('THREAD', why), true);
  }
}

function closing(): HttpError {
  return new HttpError(503, 'The server is shutting down');
}

function noThread(): HttpError {
  return new HttpError(503, 'All threads are stuck in native calls that nothing can end');
}
