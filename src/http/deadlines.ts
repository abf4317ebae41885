// One wheel for all deadlines of a listener: absolute times, looked at twice a second; no timer a socket.

/** Something that may be late. */
export interface Deadlined {
  /** performance.now() of the moment at which late() is called; Infinity for none. */
  deadline: number;
  late(now: number): void;
}

const period = 500;

export class Deadlines {
  readonly #members = new Set<Deadlined>();
  #timer: NodeJS.Timeout | null = null;

  add(member: Deadlined): void {
    this.#members.add(member);
    this.#timer ??= setInterval(() => this.turn(performance.now()), period).unref();
  }

  delete(member: Deadlined): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.close();
  }

  /** Calls all that are late at `now`. */
  turn(now: number): void {
    for (const member of this.#members) if (member.deadline <= now) member.late(now);
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }
}
