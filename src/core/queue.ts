// An async queue with a bound, which can close: a producer that cannot wait, consumers that do.

export interface QueueOptions<T> {
  /** Full at this many items. */
  readonly items: number;
  /** Full at this weight too. */
  readonly weight?: number;
  /** What one item weighs; 0 when it is left out. */
  readonly weigh?: (item: T) => number;
  /** Called when a full queue has come down to half of its bounds: the producer may go on. */
  readonly onRoom?: () => void;
}

/**
 * First in, first out. The bound is a promise between the two ends: `push` never loses an item, and says when the
 * producer has to pause; `onRoom` says when it may go on.
 */
export class Queue<T extends NonNullable<unknown>> {
  readonly #items: T[] = [];
  readonly #takers: Array<(item: T | undefined) => void> = [];
  readonly #options: QueueOptions<T>;
  #weight = 0;
  #closed = false;
  #full = false;

  constructor(options: QueueOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#items.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Adds an item; false when the producer has to pause now. A closed queue drops it, and answers true: nobody waits. */
  push(item: T): boolean {
    if (this.#closed) return true;
    const taker = this.#takers.shift();
    if (taker) {
      taker(item);
      return true;
    }
    this.#items.push(item);
    this.#weight += this.#weigh(item);
    const { items, weight = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#items.length >= items || this.#weight >= weight) this.#full = true;
    return !this.#full;
  }

  /** The next item, as soon as there is one; undefined once the queue is closed and empty, again and again. */
  take(): Promise<T | undefined> {
    const item = this.#items.shift();
    if (item === undefined) {
      if (this.#closed) return Promise.resolve(undefined);
      return new Promise((resolve) => this.#takers.push(resolve));
    }
    this.#weight -= this.#weigh(item);
    this.#makeRoom();
    return Promise.resolve(item);
  }

  /** No more items will come. What is in stays to be taken, unless `drop` is set. Safe to call twice. */
  close({ drop = false }: { drop?: boolean } = {}): void {
    this.#closed = true;
    if (drop) this.#items.length = 0;
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #makeRoom(): void {
    const { items, weight = Number.POSITIVE_INFINITY, onRoom } = this.#options;
    if (!this.#full || this.#items.length > items / 2 || this.#weight > weight / 2) return;
    this.#full = false;
    onRoom?.();
  }

  #weigh(item: T): number {
    return this.#options.weigh?.(item) ?? 0;
  }
}
