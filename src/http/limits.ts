// Sizes and times that one client may take, with safe defaults.
import { GatewayError } from '../core/errors.ts';
import type { Underscores } from './underscores.ts';

export interface Limits {
  /** Bytes of a request's head: request line and headers; beyond it 431. */
  readonly maxHead: number;
  /** Header fields of a request; beyond it 431. */
  readonly maxHeaders: number;
  /** Bytes of the request target; beyond it 414. */
  readonly maxTarget: number;
  /** Bytes of a request body, decoded; beyond it 413. */
  readonly maxBody: number;
  /** Bytes of all chunk extensions of one body; beyond it 400. */
  readonly maxExtensions: number;
  /** Bytes of the trailer section; beyond it 431. */
  readonly maxTrailers: number;
  /** Requests on one connection, after which it is closed; 0 is no limit. */
  readonly maxRequests: number;
  /** Open connections; one more is answered with 503 and closed. */
  readonly maxConnections: number;
  /** Bytes that the engine holds for an app that does not read (or a pipelining client) before it stops reading. */
  readonly maxBuffered: number;
  /** Bytes of an unread request body that are read and dropped, so that the connection can be kept. */
  readonly maxDrained: number;
  /** ms from the first byte (or the connection) to the end of the head, whatever arrives meanwhile; then 408. A PROXY header's too. */
  readonly headTimeout: number;
  /** ms from the connection (or the PROXY header) to the end of the TLS handshake; then it is closed. */
  readonly handshakeTimeout: number;
  /** ms between an answer and the next request. */
  readonly idleTimeout: number;
  /** ms that a request body may take before its average rate is looked at. */
  readonly bodyGrace: number;
  /** Bytes a second that a request body must come with on average, after the grace; then 408. */
  readonly bodyRate: number;
  /** ms that a client may leave 64 KiB of an answer without taking them. */
  readonly sendTimeout: number;
  /** ms that a connection is read on after an answer that closes it, so that the client gets the answer. */
  readonly lingerTimeout: number;
  /** What becomes of headers and trailers with "_" in their names. */
  readonly underscores: Underscores;
}

export const defaultLimits: Limits = {
  maxHead: 16 * 1024,
  maxHeaders: 100,
  maxTarget: 8 * 1024,
  maxBody: 1024 ** 3,
  maxExtensions: 4 * 1024,
  maxTrailers: 16 * 1024,
  maxRequests: 0,
  maxConnections: 100_000,
  maxBuffered: 64 * 1024,
  maxDrained: 256 * 1024,
  headTimeout: 30_000,
  handshakeTimeout: 10_000,
  idleTimeout: 65_000,
  bodyGrace: 20_000,
  bodyRate: 240,
  sendTimeout: 30_000,
  lingerTimeout: 2_000,
  underscores: 'drop',
};

/**
 * All limits, the given ones over the defaults. Throws GatewayError USAGE for a name that is none, and for a value that is
 * no number of 0 or more: compared with anything else, no limit would ever be reached.
 */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(given)) {
    const fault = limitFault(name, value);
    if (fault !== null)
      throw new GatewayError('USAGE', `Cannot take the limit ${name} ${String(value)}: ${fault}`);
  }
  return { ...defaultLimits, ...given };
}

function limitFault(name: string, value: unknown): string | null {
  if (!(name in defaultLimits))
    return `there is none of that name, but ${Object.keys(defaultLimits).join(', ')}`;
  if (name === 'underscores')
    return value === 'drop' || value === 'refuse' || value === 'allow' ? null : 'it is drop, refuse or allow';
  return typeof value === 'number' && value >= 0
    ? null
    : 'it is a number of 0 or more, in bytes or milliseconds';
}
