// Sleep that blocks: what a sync app does where an async one awaits a timer.

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread for `ms` milliseconds; nothing else runs on it meanwhile. On an inline server that is everything. */
export function sleep(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
