// How fast a client sends a body: only the time in which somebody waited for it counts.
import type { Limits } from './limits.ts';

export class Pace {
  readonly #limits: Limits;
  /** Since when a read waits; 0: none does. */
  #since = 0;
  #waited = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get waiting(): boolean {
    return this.#since > 0;
  }

  /** A new body begins. */
  reset(): void {
    this.#since = 0;
    this.#waited = 0;
  }

  /** A read waits for the client from now on. */
  wait(now: number): void {
    this.#since = now;
  }

  /** It has got something, or given up. */
  arrived(now: number): void {
    if (this.#since > 0) this.#waited += now - this.#since;
    this.#since = 0;
  }

  /** Has the body, of which `bytes` have come, been slower than the least rate, after the grace? */
  tooSlow(now: number, bytes: number): boolean {
    if (this.#since === 0) return false;
    const { bodyGrace, bodyRate } = this.#limits;
    const waited = this.#waited + now - this.#since;
    return waited > bodyGrace && bytes < (waited * bodyRate) / 1000;
  }
}
