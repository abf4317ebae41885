// One end of a hop as a proxy names it: an address with or without its port, a unix socket, or a name that hides it.
import type { Address } from './exchange.ts';
import { plainAddress } from './peers.ts';

/** `hidden`: there is somebody, and the proxy does not know or does not say who. */
export type NodeName = Address | 'unix' | 'hidden';

const hidden = /^(?:unknown|_[0-9A-Za-z._-]+)(?::(?:\d{1,5}|_[0-9A-Za-z._-]+))?$/i;
const withPort = /^(?:\[([0-9A-Fa-f:.]+)\]|([\d.]+))(?::(\d{1,5}|_[0-9A-Za-z._-]+))?$/;

/** An unquoted `for` of Forwarded (RFC 7239 §6), a port that hides itself becoming 0; null where it is none. */
export function forwardedNode(text: string): NodeName | null {
  return hidden.test(text) ? 'hidden' : addressed(text);
}

/**
 * An entry of X-Forwarded-For; null where it is none. No specification has it: `10.0.0.7`, `::1`, both with a port
 * (`10.0.0.7:80`, `[::1]:80`) as some balancers write it, `unknown` (Squid), `unix:` (nginx, of a client by unix socket).
 */
export function listedNode(text: string): NodeName | null {
  if (text === 'unix:') return 'unix';
  if (text.toLowerCase() === 'unknown') return 'hidden';
  const bare = text.includes(':') ? plainAddress(text) : null;
  if (bare !== null) return [bare, 0];
  return text.includes('_') ? null : addressed(text);
}

function addressed(text: string): Address | null {
  const [, six, four, port = '0'] = withPort.exec(text) ?? [];
  const host = six?.includes(':') ? plainAddress(six) : plainAddress(four ?? '');
  if (host === null || Number(port) > 65_535) return null;
  return [host, port.startsWith('_') ? 0 : Number(port)];
}
