// What the apps on the threads have done, call by call, in shared memory: a thread that dies has still said it.

export interface LedgerHandle {
  readonly memory: SharedArrayBuffer;
  readonly calls: number;
}

/** Of a call: how often the app was entered; whether its fault has happened; bytes of the body that it saw; the first wrong byte + 1. */
const field = { entered: 0, fault: 1, seen: 2, wrong: 3, closed: 4 } as const;
const fields = 8;

export class Ledger {
  readonly handle: LedgerHandle;
  readonly #words: Int32Array;

  constructor(handle: LedgerHandle) {
    this.handle = handle;
    this.#words = new Int32Array(handle.memory);
  }

  static make(calls: number): Ledger {
    return new Ledger({ memory: new SharedArrayBuffer((calls + 1) * fields * 4), calls });
  }

  get(call: number, name: keyof typeof field): number {
    return Atomics.load(this.#words, call * fields + field[name]);
  }

  add(call: number, name: keyof typeof field, value: number): void {
    Atomics.add(this.#words, call * fields + field[name], value);
  }

  /** So many threads may die from now on. */
  allow(deaths: number): void {
    Atomics.store(this.#words, this.handle.calls * fields, deaths);
  }

  /** May one more thread die in this episode? Says so only as often as was allowed. */
  mayDie(): boolean {
    const at = this.handle.calls * fields;
    if (Atomics.load(this.#words, at) <= 0) return false;
    return Atomics.sub(this.#words, at, 1) > 0;
  }
}
