// Settings that are right by themselves and make no sense together.
import type { Settled } from './settings.ts';

/** What to say of the first two that contradict each other; null where none do. */
export function conflictIn(config: Settled): string | null {
  for (const name of ['maxHead', 'maxTrailers'] as const) {
    // What the engine stops reading at must hold what it needs whole.
    if (config.maxBuffered < config[name])
      return `Cannot take ${name} ${config[name]}: maxBuffered is ${config.maxBuffered}, and has to hold it; raise it too`;
  }
  if (config.maxThreadMemory > 0 && config.maxThreadMemory < leastThread)
    return `Cannot take maxThreadMemory ${config.maxThreadMemory}: a thread holds 11 to 18 MiB with the smallest app, and would be replaced again and again; give 16 MiB at the least, or 0 for no limit`;
  if (!config.buffer && config.engine === 'node')
    return 'Cannot switch the buffer off on engine node: only our own claims a thread for each connection; leave --buffer on, or the engine at own';
  if (config.trustedProxies.length > 0) return null;
  if (config.trustedHops > 0) return nobodyTrusted('trustedHops', config.trustedHops);
  if (config.forwardedHost) return nobodyTrusted('forwardedHost', true);
  if (config.forwardedHeaders !== 'x-forwarded')
    return nobodyTrusted('forwardedHeaders', config.forwardedHeaders);
  return null;
}

/** Bytes. With one small app a thread held 11 to 12 MiB in JavaScript and 17 to 18 in TypeScript, garbage included, on Node 20. */
const leastThread = 16 * 1024 * 1024;

function nobodyTrusted(name: string, value: unknown): string {
  return `Cannot take ${name} ${value}: no proxy is trusted; say by trustedProxies (--trusted-proxies) which ones are`;
}
