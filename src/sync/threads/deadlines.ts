// How long a call may hold its thread: without progress, and in all.
import { HttpError } from '../../core/errors.ts';
import type { Slots } from './slots.ts';
import { inFlag, outFlag, state, word } from './words.ts';

export interface Deadlines {
  /** ms that a call may hold a thread without progress: no byte of its body taken, nothing of its answer. 0: no limit. */
  readonly timeout: number;
  /** ms that it may hold one in all. 0: no limit. */
  readonly requestTimeout: number;
}

/** A call whose thread did not end it by itself in the grace that it had. */
export interface Overrun {
  readonly slot: number;
  readonly thread: number;
  readonly why: HttpError;
}

/** ms between the soft stage (what blocks throws) and the hard one (its thread is terminated), a quarter of the limit at most. */
const longestGrace = 1000;
/** ms that two looks can be apart at most, as it counts: a loop that was held up, or a laptop that slept, is nobody's fault. */
const longestStep = 250;

/** What of an answer counts beside its bytes; an error is none. */
const progress = outFlag.head | outFlag.flush | outFlag.end;

/**
 * Looks at the calls that threads have, a few times a second. A short call costs it nothing: its clock starts when it is
 * first seen, which may be one look late, and is never early.
 */
export class Watch {
  readonly #slots: Slots;
  readonly #limits: Deadlines;
  readonly #calls: Watched[];
  #clock = 0;
  #looked = Number.NEGATIVE_INFINITY;

  constructor(slots: Slots, limits: Deadlines) {
    this.#slots = slots;
    this.#limits = limits;
    this.#calls = Array.from({ length: slots.handle.slots }, () => ({
      generation: -1,
      begun: 0,
      since: 0,
      mark: 0,
      warned: -1,
      grace: 0,
    }));
  }

  /** Those to be ended now. `now` is in ms, and never goes back. */
  look(now: number): Overrun[] {
    this.#clock += Math.min(Math.max(now - this.#looked, 0), longestStep);
    this.#looked = now;
    const overruns: Overrun[] = [];
    for (const [slot, call] of this.#calls.entries()) {
      const at = this.#slots.get(slot, word.state);
      if (at < state.running) continue;
      this.#follow(slot, call);
      if (this.#isOver(slot, call)) {
        const why = overdue(this.#slots.get(slot, word.limit));
        overruns.push({ slot, thread: at - state.running, why });
      }
    }
    return overruns;
  }

  #follow(slot: number, call: Watched): void {
    const generation = this.#slots.get(slot, word.generation);
    const mark = this.#markOf(slot);
    if (call.generation !== generation) {
      Object.assign(call, { generation, begun: this.#clock, since: this.#clock, mark, warned: -1 });
    } else if (call.mark !== mark) {
      call.mark = mark;
      call.since = this.#clock;
      if (call.warned < 0 || this.#slots.get(slot, word.limit) < 0) return;
      call.warned = -1;
      this.#slots.clear(slot, inFlag.late);
    }
  }

  /** Changes with each byte that the app takes of its body, and the server of its answer, and when a head comes that was awaited. */
  #markOf(slot: number): number {
    const slots = this.#slots;
    // Three odd factors: that the sum stays the same while its parts change would be chance, and would repeat.
    const bytes =
      Math.imul(slots.get(slot, word.inRead), 0x9e3779b1) + Math.imul(slots.get(slot, word.outRead), 3);
    const held = slots.get(slot, word.inFlags) & inFlag.held;
    return (bytes + Math.imul((slots.get(slot, word.outFlags) & progress) | held, 0x85ebca6b)) | 0;
  }

  /** The soft stage first: what blocks, throws. True where that was long enough ago, and nobody waits for a head: that ends by itself. */
  #isOver(slot: number, call: Watched): boolean {
    if (call.warned >= 0) return this.#clock - call.warned >= call.grace && !this.#isHeld(slot);
    const { timeout, requestTimeout } = this.#limits;
    const inAll = requestTimeout > 0 && this.#clock - call.begun >= requestTimeout;
    if (!inAll && (timeout === 0 || this.#clock - call.since < timeout)) return false;
    const limit = inAll ? requestTimeout : timeout;
    call.warned = this.#clock;
    call.grace = Math.min(limit / 4, longestGrace);
    this.#slots.set(slot, word.limit, inAll ? -limit : limit);
    this.#slots.add(slot, word.inFlags, inFlag.late);
    this.#slots.ring(slot);
    return false;
  }

  #isHeld(slot: number): boolean {
    return (this.#slots.get(slot, word.inFlags) & inFlag.held) !== 0;
  }
}

interface Watched {
  generation: number;
  begun: number;
  since: number;
  mark: number;
  warned: number;
  grace: number;
}

/** What the app is told, and its client; `limit` as in the slot's word. */
export function overdue(limit: number): HttpError {
  const seconds = `${Math.abs(limit) / 1000} s`;
  const what = limit < 0 ? `it took longer than ${seconds}` : `it made no progress for ${seconds}`;
  return new HttpError(504, `The request has passed its deadline: ${what}`);
}
