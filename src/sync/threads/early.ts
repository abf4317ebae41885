// Places for calls whose body is still on its way: so few that half of the threads are left for others.

/** Whoever may be given one. */
export interface Guest {
  /** It has a place from now on. Must not apply or leave itself. */
  admit(): void;
}

/** First come, first served. A pool has one. */
export class Early {
  readonly #places: number;
  readonly #inside = new Set<Guest>();
  readonly #waiting = new Set<Guest>();

  constructor(places: number) {
    this.#places = places;
  }

  /** Is admitted now or later; once, however often it applies. */
  apply(guest: Guest): void {
    if (this.#inside.has(guest)) return;
    this.#waiting.add(guest);
    this.#admit();
  }

  /** Gives its place back, or waits for none any more. */
  leave(guest: Guest): void {
    this.#waiting.delete(guest);
    if (this.#inside.delete(guest)) this.#admit();
  }

  #admit(): void {
    for (const guest of this.#waiting) {
      if (this.#inside.size >= this.#places) return;
      this.#waiting.delete(guest);
      this.#inside.add(guest);
      guest.admit();
    }
  }
}
