// A set of peers by address: single ones, networks (CIDR), all unix sockets, or everybody.
import { isIPv4, isIPv6 } from 'node:net';

import ipaddr from 'ipaddr.js';

import { GatewayError } from '../core/errors.ts';
import type { Address } from './exchange.ts';

export interface Peers {
  /** null is the other end of a unix socket. */
  has(client: Address | null): boolean;
}

/** What is wrong with one of the texts of parsePeers(); null where nothing is. */
export function peerFault(text: string): string | null {
  // inet_aton's short forms, such as 10.1, mean something else to each reader.
  const whole = text.includes(':') || /^\d+(\.\d+){3}(\/|$)/.test(text);
  if (text === '*' || text === 'unix') return null;
  if (whole && (ipaddr.isValid(text) || ipaddr.isValidCIDR(text))) return null;
  return `"${text}" is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor *`;
}

/** Reads `10.0.0.7`, `10.0.0.0/8`, `::1`, `fd00::/8`, `unix` and `*`. Throws GatewayError USAGE for anything else. */
export function parsePeers(texts: readonly string[]): Peers {
  const networks: [ipaddr.IPv4 | ipaddr.IPv6, number][] = [];
  for (const text of texts) {
    const fault = peerFault(text);
    if (fault !== null) throw new GatewayError('USAGE', `Cannot read the peers: ${fault}`);
    if (text === '*' || text === 'unix') continue;
    networks.push(ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : single(text));
  }
  const everybody = texts.includes('*');
  const unix = everybody || texts.includes('unix');
  // The same few proxies are asked about again and again: 1 µs a question less, 4 µs of IPv6. Bounded: so are clients.
  const known = new Map<string, boolean>();
  return {
    has(client) {
      if (everybody || client === null) return client === null ? unix : true;
      const [host] = client;
      let is = known.get(host);
      if (is !== undefined) return is;
      is = isIn(networks, host);
      if (known.size >= 1024) known.clear();
      known.set(host, is);
      return is;
    },
  };
}

function isIn(networks: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][], host: string): boolean {
  if (!ipaddr.isValid(host)) return false;
  const address = ipaddr.process(host); // an IPv4 address that was mapped into IPv6 is the IPv4 address
  return networks.some(
    ([network, bits]) => address.kind() === network.kind() && address.match(network, bits),
  );
}

/**
 * An address in its one plain form: IPv4 where it was mapped into IPv6, IPv6 short and in lower case (RFC 5952); null for
 * a text that is none. A zone (`fe80::1%eth0`) means something on one machine only, and is none.
 */
export function plainAddress(text: string): string | null {
  if (isIPv4(text)) return text; // four decimal numbers without leading zeros: there is one form
  if (!isIPv6(text) || !ipaddr.isValid(text) || text.includes('%')) return null;
  return ipaddr.process(text).toString();
}

function single(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
