// Threads that are being terminated and have not exited: each keeps its slot until then.
import { GatewayError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { Hand } from './hand.ts';

export interface QuarantineOptions {
  /** As many may be here and still be replaced. */
  readonly places: number;
  readonly log: Log;
  /** The thread has exited: its slot is nobody's. */
  readonly onFreed: (slot: number) => void;
  /** Once: more than `places` are here for good, as far as one can tell. */
  readonly onFull: (why: GatewayError) => void;
}

/** ms after which it is a native call that holds the thread: JavaScript ends within milliseconds. */
const native = 1000;

export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #held = new Map<Hand, { slot: number; timer: NodeJS.Timeout; stuck: boolean }>();
  #full = false;

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Can the next one still be replaced? */
  get hasRoom(): boolean {
    return this.#held.size <= this.#options.places;
  }

  has(hand: Hand): boolean {
    return this.#held.has(hand);
  }

  /** Terminates it. */
  take(hand: Hand, slot: number): void {
    const timer = setTimeout(() => this.#isStuck(hand), native).unref();
    this.#held.set(hand, { slot, timer, stuck: false });
    hand.terminate();
  }

  /** It has exited. */
  letGo(hand: Hand): void {
    const held = this.#held.get(hand);
    if (!held) return;
    clearTimeout(held.timer);
    this.#held.delete(hand);
    if (held.stuck) this.#options.log.info(`A ${hand.lane} that was in a native call has ended`);
    this.#options.onFreed(held.slot);
  }

  close(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer);
  }

  #isStuck(hand: Hand): void {
    const held = this.#held.get(hand);
    if (!held) return;
    held.stuck = true;
    const stuck = [...this.#held.values()].filter((each) => each.stuck).length;
    const { log, places, onFull } = this.#options;
    log.warn(`A ${hand.lane} is in a native call that nothing can end; it is left to that`, { stuck });
    if (stuck <= places || this.#full) return;
    this.#full = true;
    const many = stuck === 1 ? '1 thread is' : `${stuck} threads are`;
    const why = `${many} in native calls that nothing can end, and ${places} may be`;
    onFull(new GatewayError('THREAD', `${why}: the process should be replaced`));
  }
}
