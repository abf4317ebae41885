// The address of one end of a socket.
import type { Address } from './exchange.ts';

/** An IPv4 address that came over an IPv6 socket is shown as the IPv4 address that it is. */
export function addressOf(host: string | undefined, port: number | undefined): Address | null {
  if (host === undefined || port === undefined) return null;
  return [host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host, port];
}
