// When a sleeping thread is woken: seldom where calls are short, at once where they take long.
import type { Slots } from './slots.ts';

/** Calls that wait for each thread which is awake, before another is woken to help: a wake costs as much as several short calls. */
const worthIt = 8;
/** ms: where no thread has taken a call for so long, calls take long. */
const patience = 1;

/** For whoever has put a call into the queue, or has taken one and finds more. Says whether it has woken a thread. */
export function wakeForMore(slots: Slots): boolean {
  const { queued } = slots;
  if (queued <= 0) return false;
  const { asleep } = slots;
  if (asleep === 0) return false;
  const awake = slots.handle.threads - asleep;
  return (awake === 0 || slots.eager || queued >= worthIt * awake) && slots.wakeOne();
}

/**
 * The loop's side. 16 threads, GET hello on 64 connections: 0.83 of the CPU that each wake for itself takes (1.21), while
 * an app that blocks for 20 ms has them all (Node 20; shares of raw node:http).
 */
export class Wakes {
  readonly #slots: Slots;
  #timer: NodeJS.Timeout | null = null;
  #claims = 0;
  /** Looks in a row at which no thread had taken a call. */
  #idle = 0;
  #swept = 0;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  /** Once a turn of the loop in which calls were queued. */
  flush(): void {
    const slots = this.#slots;
    const woken = wakeForMore(slots);
    // The one that was woken takes a call; no timer where that is the only one (1000 timers a second on one connection).
    if (this.#timer || slots.eager || slots.queued <= (woken ? 1 : 0) || slots.asleep === 0) return;
    this.#claims = slots.claims;
    this.#timer = setTimeout(() => this.#look(), patience);
  }

  /** From now on sweep() comes every few ms. */
  begin(): void {
    this.#swept = this.#slots.claims;
  }

  /** Back to patience, where the threads have taken so many calls in these `ms` that they must be short. */
  sweep(ms: number): void {
    const slots = this.#slots;
    const { claims } = slots;
    const taken = (claims - this.#swept) | 0;
    this.#swept = claims;
    if (slots.eager && taken >= slots.handle.threads * ms) slots.eager = false;
    // Whoever was woken in the other mood counts on this one: what waits is looked after again.
    if (slots.queued > 0) this.flush();
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    this.#timer = null;
    const slots = this.#slots;
    this.#idle = slots.claims === this.#claims && slots.queued > 0 ? this.#idle + 1 : 0;
    if (this.#idle > 0) slots.wakeOne();
    // Once may be the machine, twice in a row is the app.
    if (this.#idle > 1) {
      slots.eager = true;
      for (let more = slots.queued; more > 0 && slots.wakeOne(); ) more -= 1;
    }
    this.flush();
  }
}
