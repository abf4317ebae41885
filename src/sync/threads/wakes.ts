// When a sleeping thread is woken: where the calls that wait are worth it, by what they take.
import type { Slots } from './slots.ts';

/** µs of work that wait for each thread which is awake, before another is woken to help: some twenty times what a wake costs. */
const worthIt = 250;
/** µs: what a call counts as at most, and all count as where none was taken for so long. */
const long = 1000;
/** ms after which the loop looks whether the threads go on. */
const patience = 1;

/** For whoever has put a call into the queue, or has taken one and finds more. Says whether it has woken a thread. */
export function wakeForMore(slots: Slots): boolean {
  const { queued } = slots;
  if (queued <= 0) return false;
  const { asleep } = slots;
  if (asleep === 0) return false;
  const awake = slots.handle.threads - asleep;
  return (awake === 0 || queued * slots.service >= worthIt * awake) && slots.wakeOne();
}

/** A thread's side: what a call takes of late, for whoever wakes. */
export class Pace {
  readonly #slots: Slots;
  #mean = 0;
  #since: number;

  constructor(slots: Slots) {
    this.#slots = slots;
    this.#since = performance.now();
  }

  /** The thread has slept until now (ms). */
  awake(now: number): void {
    this.#since = now;
  }

  /** A call has ended. */
  served(now: number): void {
    const took = Math.min((now - this.#since) * 1000, long);
    this.#since = now;
    this.#mean += (took - this.#mean) / 8;
    const { service } = this.#slots;
    // Down at once, up slowly: a thread that is seldom used is slow by that alone, and would have more of its kind woken.
    const up = Math.ceil((this.#mean - service) / 16);
    this.#slots.service = up > 0 ? service + up : Math.ceil(this.#mean);
  }
}

/**
 * The loop's side. 64 connections that are answered at once keep one thread of sixteen busy and no other; an app that
 * blocks has them all from its second millisecond on.
 */
export class Wakes {
  readonly #slots: Slots;
  #timer: NodeJS.Timeout | null = null;
  #claims = 0;
  /** No thread had taken a call at the last look: that may be the machine. */
  #idle = false;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  /** Once a turn of the loop in which calls were queued, and now and then while some are open. */
  flush(): void {
    const slots = this.#slots;
    const woken = wakeForMore(slots);
    // The one that was woken takes a call; no timer where that is the only one (1000 timers a second on one connection).
    if (this.#timer || slots.queued <= (woken ? 1 : 0) || slots.asleep === 0) return;
    this.#claims = slots.claims;
    this.#timer = setTimeout(() => this.#look(), patience);
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Where no thread has taken a call meanwhile, another is woken; where that is so twice, those that are awake are at long ones. */
  #look(): void {
    this.#timer = null;
    const slots = this.#slots;
    const idle = slots.claims === this.#claims && slots.queued > 0;
    if (idle) slots.wakeOne();
    if (idle && this.#idle) {
      slots.service = long;
      for (let more = slots.queued; more > 0 && slots.wakeOne(); ) more -= 1;
    }
    this.#idle = idle;
    this.flush();
  }
}
