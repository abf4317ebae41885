// The threads of a pool: started, seated, replaced when one dies or is worn, ended; and a spare one that is ready to step in.
import type { ResourceLimits, TransferListItem } from 'node:worker_threads';

import { asError, type GatewayError } from '../../core/errors.ts';
import type { AppSource } from '../../core/load.ts';
import type { Log } from '../../core/log.ts';
import { Hand } from './hand.ts';
import type { FromThread, Habits, ToThread } from './messages.ts';
import { Quarantine } from './quarantine.ts';
import type { Slots } from './slots.ts';

export interface CrewOptions {
  readonly source: AppSource;
  readonly slots: Slots;
  readonly laneOf: (thread: number) => string;
  /** Made once a thread: what the source's factory is called with. */
  readonly argument?: (() => { value: unknown; transfer: readonly TransferListItem[] }) | undefined;
  /** ms for a thread to load the app. */
  readonly startTimeout: number;
  readonly resourceLimits?: ResourceLimits | undefined;
  readonly habits: Habits;
  /** Threads that have loaded the app and wait for another to fail. */
  readonly warm: number;
  /** Calls after which a thread is replaced, and a random part of so many more; 0: never. */
  readonly maxCalls: number;
  readonly maxCallsJitter: number;
  /** So many threads may be stuck in native calls and still be replaced. */
  readonly quarantine: number;
  readonly log: Log;
  readonly onMessage: (thread: number, message: FromSeat) => void;
  /** A thread with a seat has died; its replacement is on its way. */
  readonly onDeath: (thread: number, why: GatewayError) => void;
  /** A condemned thread has exited: the slot is nobody's. */
  readonly onFreed: (slot: number) => void;
  readonly onUnfit: (why: GatewayError) => void;
}

type Heard = Exclude<FromThread, { kind: 'ready' | 'refused' }>;
export type FromSeat = Exclude<Heard, { kind: 'worn' | 'left' }>;

/** A thread that dies so soon after its start is a strike; strikes in a row make its replacements wait. */
const shortLife = 5_000;
const firstDelay = 100;
const maxDelay = 5_000;
/** ms after the start for the first spare thread: it takes nothing from what the start has to do. */
const firstSpare = 1000;

export class Crew {
  readonly #options: CrewOptions;
  readonly #log: Log;
  /** All that have not exited. */
  readonly #all = new Set<Hand>();
  readonly #seats: Array<Hand | null>;
  readonly #spares = new Set<Hand>();
  /** Worn ones, which are replaced one after the other. */
  readonly #worn = new Set<Hand>();
  #leaving: Hand | null = null;
  /** Seats that stay empty until there is room in the quarantine. */
  readonly #empty: number[] = [];
  readonly #quarantine: Quarantine;
  readonly #strikes = new Map<number | 'spare', number>();
  readonly #delays = new Set<NodeJS.Timeout>();
  #restocking = false;
  #closed = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#seats = new Array<Hand | null>(options.slots.handle.threads).fill(null);
    this.#quarantine = new Quarantine({
      places: options.quarantine,
      log: options.log,
      onFreed: options.onFreed,
      onFull: options.onUnfit,
    });
  }

  /** Threads that were told to end and are in a native call. */
  get quarantined(): number {
    return this.#quarantine.size;
  }

  /** Spare threads that can step in at once. */
  get spares(): number {
    return [...this.#spares].filter((hand) => hand.isReady).length;
  }

  /** Is there a thread that serves, or will soon? */
  get works(): boolean {
    return this.#empty.length < this.#seats.length;
  }

  /** All threads at once. Rejects with what kept the app from being loaded; nothing runs then. */
  async start(): Promise<void> {
    const hands = this.#seats.map((_, seat) => this.#hire(this.#options.laneOf(seat)));
    try {
      await Promise.all(hands.map((hand) => hand.ready));
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const [seat, hand] of hands.entries()) this.#sit(hand, seat);
    this.#after(firstSpare, () => this.#restock());
  }

  post(thread: number, message: ToThread): void {
    this.#seats[thread]?.post(message);
  }

  /** Terminates the thread at this seat, which has the slot until it has exited. Another takes its place at once. */
  condemn(seat: number, slot: number): void {
    const hand = this.#seats[seat];
    if (!hand) {
      this.#options.onFreed(slot); // it has exited meanwhile
      return;
    }
    this.#vacate(hand, seat);
    this.#quarantine.take(hand, slot);
    if (this.#quarantine.hasRoom) this.#fill(seat);
    else this.#empty.push(seat);
  }

  /** The pool has told the threads to end; those that don't are terminated. Gives how many cannot be. Safe to call twice. */
  async close(): Promise<number> {
    this.#closed = true;
    for (const delay of this.#delays) clearTimeout(delay);
    this.#delays.clear();
    this.#quarantine.close();
    const ended = await Promise.all([...this.#all].map((hand) => hand.end()));
    return ended.filter((is) => !is).length;
  }

  /* ── who comes ────────────────────────────────────────────────────── */

  #hire(lane: string): Hand {
    const { source, slots, habits, argument, startTimeout, resourceLimits } = this.#options;
    const hand = new Hand(lane, {
      source,
      slots: slots.handle,
      habits,
      argument,
      startTimeout,
      resourceLimits,
      onMessage: (from, message) => this.#hear(from, message),
      onExit: (from, why) => this.#exited(from, why),
    });
    this.#all.add(hand);
    return hand;
  }

  #sit(hand: Hand, seat: number): void {
    const { slots, laneOf, maxCalls, maxCallsJitter } = this.#options;
    if (hand.death) {
      this.#failed(seat, hand.death);
      return;
    }
    hand.seat = seat;
    hand.lane = laneOf(seat);
    hand.since = performance.now();
    this.#seats[seat] = hand;
    slots.seat(seat);
    const calls = maxCalls > 0 ? maxCalls + Math.floor(Math.random() * (maxCallsJitter + 1)) : 0;
    hand.post({ kind: 'seat', index: seat, lane: hand.lane, maxCalls: calls });
  }

  /** With the spare thread where there is one; it may still be loading the app. */
  #fill(seat: number): void {
    if (this.#closed) return;
    const spare = [...this.#spares].find((hand) => hand.isReady) ?? [...this.#spares][0];
    if (spare) this.#spares.delete(spare);
    const hand = spare ?? this.#hire(this.#options.laneOf(seat));
    if (hand.isReady) this.#sit(hand, seat);
    else {
      hand.ready.then(
        () => this.#closed || this.#sit(hand, seat),
        (error: unknown) => this.#failed(seat, error),
      );
    }
    this.#restock();
    this.#relieve();
  }

  #failed(seat: number, error: unknown): void {
    if (this.#closed) return;
    this.#log.error('A thread cannot be replaced; it is tried again', { error: asError(error) });
    const strikes = this.#strike(seat, 0);
    this.#after(delayOf(strikes + 1), () => this.#fill(seat));
  }

  /** So many spare threads as there should be; one at a time, later and later while they cannot be started. */
  #restock(): void {
    const wanted = Math.max(this.#options.warm, this.#worn.size > 0 ? 1 : 0);
    if (this.#closed || this.#restocking || this.#spares.size >= wanted) return;
    this.#restocking = true;
    this.#after(delayOf(this.#strikes.get('spare') ?? 0), () => {
      const hand = this.#hire('spare thread');
      this.#spares.add(hand);
      hand.ready.then(
        () => this.#stocked(),
        (error: unknown) => this.#notStocked(hand, error),
      );
    });
  }

  #stocked(): void {
    this.#restocking = false;
    if (this.#closed) return;
    this.#relieve();
    this.#restock();
  }

  #notStocked(hand: Hand, error: unknown): void {
    this.#restocking = false;
    // Where it had been promised a seat by then, #fill() hears of it.
    if (!this.#spares.delete(hand) || this.#closed) return;
    this.#strike('spare', 0);
    this.#log.error('A spare thread cannot be started; it is tried again', { error: asError(error) });
    this.#restock();
  }

  /* ── who goes ─────────────────────────────────────────────────────── */

  #hear(hand: Hand, message: Heard): void {
    const { seat } = hand;
    if (message === 0 || message.kind === 'line') this.#options.onMessage(seat ?? 0, message);
    else if (seat === null) return;
    else if (message.kind === 'worn') {
      this.#log.info(`The ${hand.lane} will be replaced: ${message.why}`);
      this.#worn.add(hand);
      this.#relieve();
      this.#restock();
    } else if (message.kind === 'left') {
      this.#vacate(hand, seat);
      this.#fill(seat);
    } else this.#options.onMessage(seat, message);
  }

  /** The next worn thread leaves when there is one that can take its seat at once. */
  #relieve(): void {
    if (this.#closed || this.#leaving || this.spares === 0) return;
    const [hand] = this.#worn;
    if (!hand || hand.seat === null) return;
    this.#leaving = hand;
    this.#options.slots.dismiss(hand.seat);
  }

  #vacate(hand: Hand, seat: number): void {
    hand.seat = null;
    this.#seats[seat] = null;
    this.#worn.delete(hand);
    if (this.#leaving === hand) this.#leaving = null;
  }

  #exited(hand: Hand, why: GatewayError): void {
    this.#all.delete(hand);
    const { seat } = hand;
    if (this.#quarantine.has(hand)) {
      this.#quarantine.letGo(hand);
      const next = this.#quarantine.hasRoom ? this.#empty.shift() : undefined;
      if (next !== undefined) this.#fill(next);
    } else if (seat !== null) {
      if (!this.#closed) this.#died(hand, seat, why);
    } else if (hand.wasReady && this.#spares.delete(hand) && !this.#closed) {
      this.#strike('spare', performance.now() - hand.since);
      this.#log.error(`${why.message}; another takes its place`, { error: why.cause ?? why });
      this.#restock();
    }
  }

  #died(hand: Hand, seat: number, why: GatewayError): void {
    this.#vacate(hand, seat);
    this.#log.error(`${why.message}; another takes its place`, { error: why.cause ?? why });
    const strikes = this.#strike(seat, performance.now() - hand.since);
    this.#options.onDeath(seat, why);
    // At once the first time; later and later for one that dies again and again.
    this.#after(delayOf(strikes), () => this.#fill(seat));
  }

  /** How many it has in a row now. */
  #strike(whose: number | 'spare', age: number): number {
    const strikes = age < shortLife ? (this.#strikes.get(whose) ?? 0) + 1 : 0;
    this.#strikes.set(whose, strikes);
    return strikes;
  }

  #after(ms: number, act: () => void): void {
    if (this.#closed) return;
    if (ms === 0) {
      act();
      return;
    }
    const delay = setTimeout(() => {
      this.#delays.delete(delay);
      act();
    }, ms);
    this.#delays.add(delay);
  }
}

function delayOf(strikes: number): number {
  return strikes <= 1 ? 0 : Math.min(firstDelay * 2 ** (strikes - 2), maxDelay);
}
