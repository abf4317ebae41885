// Sleep that blocks: what a sync app does where an async one awaits a timer.
import { GatewayError } from '../core/errors.ts';

const never = new Int32Array(new SharedArrayBuffer(4));
/** ms: what a timer takes, almost 25 days. */
const longest = 2 ** 31 - 1;

/**
 * Blocks this thread for `ms` milliseconds; nothing else runs on it meanwhile. On an inline server that is everything.
 * Throws GatewayError USAGE for what is no time: NaN would wait for ever, and a text or a negative number not at all.
 */
export function sleep(ms: number): void {
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= longest)) {
    throw new GatewayError('USAGE', `Cannot sleep "${String(ms)}" ms: give a number from 0 to ${longest}`);
  }
  Atomics.wait(never, 0, 0, ms);
}
