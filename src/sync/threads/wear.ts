// When a thread has done enough: by the calls that it served, or by the memory that it holds.
import { getHeapStatistics } from 'node:v8';

/** ms between two looks at the memory: one takes 3 µs. */
const lookEvery = 250;
const mebi = 2 ** 20;

export class Wear {
  readonly #maxCalls: number;
  readonly #maxMemory: number;
  #calls = 0;
  #looked = 0;
  #told = false;

  /** 0 is no limit. `maxMemory` in bytes. */
  constructor(maxCalls: number, maxMemory: number) {
    this.#maxCalls = maxCalls;
    this.#maxMemory = maxMemory;
  }

  /** After each call; `now` in ms. Says once why the thread should be replaced. */
  worn(now: number): string | undefined {
    this.#calls += 1;
    if (this.#told) return undefined;
    const why = this.#reason(now);
    this.#told = why !== undefined;
    return why;
  }

  #reason(now: number): string | undefined {
    if (this.#maxCalls > 0 && this.#calls >= this.#maxCalls) return `it has served ${this.#calls} requests`;
    if (this.#maxMemory === 0 || now - this.#looked < lookEvery) return undefined;
    this.#looked = now;
    const held = memoryOfThisThread();
    if (held <= this.#maxMemory) return undefined;
    return `it holds ${Math.round(held / mebi)} MiB, and ${Math.round(this.#maxMemory / mebi)} MiB are its limit`;
  }
}

/** Bytes of its own heap and of the buffers outside of it; what is shared between threads is nobody's. */
function memoryOfThisThread(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
