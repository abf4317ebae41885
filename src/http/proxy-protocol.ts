// The PROXY protocol, versions 1 and 2: the header with which a load balancer says whose connection it passes on.
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

import { fromLatin1 } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import { addressOf } from './address.ts';
import type { Address, Bound } from './exchange.ts';

/** A header that is whole. */
export interface ProxyHeader {
  /** Bytes of the header; what is behind them belongs to HTTP, or to TLS. */
  readonly length: number;
  /** Both ends as the proxy saw them; null where it speaks for itself, or does not know: the socket's own ends hold. */
  readonly ends: { readonly client: Address | null; readonly server: Bound | null } | null;
}

const longestLine = 107;
const longestBlock = 4096;
const beginning = fromLatin1('PROXY ');
const signature = fromLatin1('\r\n\r\n\0\r\nQUIT\n');
/** Of version 2: signature, version and command, family and transport, length. */
const fixed = 16;

/**
 * Reads the header that a connection begins with; null where more bytes are needed. Throws HttpError 400 as soon as the
 * bytes cannot be one. Never looks further than 4112 bytes. Source: "The PROXY protocol, versions 1 & 2", haproxy.org.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | null {
  if (bytes.length === 0) return null;
  if (begins(bytes, beginning)) return readLine(bytes);
  if (begins(bytes, signature)) return readBlock(bytes);
  throw refused('it begins otherwise');
}

/** As far as there are bytes: is it this? */
function begins(bytes: Buffer, mark: Uint8Array): boolean {
  const length = Math.min(bytes.length, mark.length);
  return bytes.compare(mark, 0, length, 0, length) === 0;
}

/* ── version 1, section 2.1: one line of text ── */

function readLine(bytes: Buffer): ProxyHeader | null {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, longestLine));
  const end = text.search(/[\r\n]/);
  if (end < 0 && bytes.length < longestLine) return null;
  if (end < 0) throw refused(`its line is longer than ${longestLine} bytes`);
  if (text[end] === '\n') throw refused('its line ends without CR');
  if (end + 1 >= longestLine) throw refused(`its line is longer than ${longestLine} bytes`);
  if (end + 1 >= bytes.length) return null;
  if (text[end + 1] !== '\n') throw refused('it has a CR without LF');
  return { length: end + 2, ends: endsOfLine(text.slice(0, end)) };
}

function endsOfLine(line: string): ProxyHeader['ends'] {
  const [, family, source = '', target = '', from = '', to = '', ...more] = line.split(' ');
  if (family === 'UNKNOWN') return null; // whatever stands behind it is to be ignored
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : null;
  if (!isAddress) throw refused('its protocol is neither TCP4, nor TCP6, nor UNKNOWN');
  if (!isAddress(source) || !isAddress(target)) throw refused('an address of it is none of its protocol');
  if (!isPort(from) || !isPort(to)) throw refused('a port of it is none');
  if (more.length > 0) throw refused('it has more than two addresses and two ports');
  return { client: ended(source, Number(from)), server: ended(target, Number(to)) };
}

/** A zone (`fe80::1%eth0`) means something on one machine only. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/* ── version 2, section 2.2: a block of bytes ── */

/** Bytes of both ends of a family and transport: TCP over IPv4, TCP over IPv6, a unix stream. */
const sizes: ReadonlyMap<number, number> = new Map([
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
]);

function readBlock(bytes: Buffer): ProxyHeader | null {
  const [version = 0x21, kind = 0] = bytes.subarray(signature.length);
  if (version !== 0x20 && version !== 0x21) throw refused('its version or its command is unknown');
  if (kind !== 0 && !sizes.has(kind) && version === 0x21) throw refused('its protocol is no stream');
  if (bytes.length < fixed) return null;
  const size = bytes.readUInt16BE(14);
  if (size > longestBlock) throw refused(`it is longer than ${longestBlock} bytes`);
  if (version === 0x21 && size < (sizes.get(kind) ?? 0)) throw refused('it is too short for its addresses');
  if (bytes.length < fixed + size) return null;
  const length = fixed + size;
  // LOCAL: the proxy itself, which looks whether we live; the block counts for nothing.
  if (version === 0x20) return { length, ends: null };
  const block = bytes.subarray(fixed, length);
  checkExtras(block.subarray(sizes.get(kind) ?? 0));
  return { length, ends: endsOfBlock(kind, block) };
}

function endsOfBlock(kind: number, block: Buffer): ProxyHeader['ends'] {
  if (kind === 0x31) return { client: null, server: [pathOf(block.subarray(108, 216)), null] };
  if (kind === 0) return null;
  const size = kind === 0x11 ? 4 : 16;
  const textOf = kind === 0x11 ? dotted : colons;
  return {
    client: ended(textOf(block.subarray(0, size)), block.readUInt16BE(2 * size)),
    server: ended(textOf(block.subarray(size, 2 * size)), block.readUInt16BE(2 * size + 2)),
  };
}

/** Section 2.2.1: a type, two bytes of length, that many bytes, to the last one. None of them is heeded. */
function checkExtras(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    if (at + 3 > bytes.length) throw refused('its last field is cut off');
    at += 3 + bytes.readUInt16BE(at + 1);
    if (at > bytes.length) throw refused('a field of it is longer than the header');
  }
}

function dotted(bytes: Buffer): string {
  return bytes.join('.');
}

function colons(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16)).join(':');
}

function pathOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/* ── both ── */

/** In the one spelling that addresses have here, whatever the proxy wrote. */
function ended(host: string, port: number): Address | null {
  const { address } = new SocketAddress({ address: host, family: isIPv4(host) ? 'ipv4' : 'ipv6' });
  return addressOf(address, port);
}

function refused(why: string): HttpError {
  return new HttpError(400, `Cannot read the PROXY protocol header: ${why}`);
}
