// Field names that come again and again: found by their octets, so that no string is made to look one up.
import { nameOctets } from './grammar.ts';

/** A field name as the parser knows it: one object a name, whoever sends it. */
export interface FieldName {
  /** In lower case. */
  readonly text: string;
  /** Of a common name: the same in each thread of each process that runs this file. -1 for others. */
  readonly number: number;
  /** Framing or connection depends on it (RFC 9112 §6, §9). */
  readonly decides: boolean;
  /** It says how long the body is. */
  readonly frames: boolean;
  /** It has a "_", and so may become the variable of another name. */
  readonly underscored: boolean;
  /** The head that had it last, by its count: how one that comes twice is found. */
  seen: number;
}

const deciding = ['host', 'content-length', 'transfer-encoding', 'connection', 'expect'];
/** Always found, whatever names clients make up. */
const common = [
  'accept accept-charset accept-encoding accept-language access-control-request-headers access-control-request-method',
  'age authorization cache-control content-disposition content-encoding content-language content-type cookie date dnt',
  'etag forwarded from if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive last-event-id',
  'origin pragma priority proxy-authorization proxy-connection range referer sec-ch-ua sec-ch-ua-mobile',
  'sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-websocket-extensions',
  'sec-websocket-key sec-websocket-protocol sec-websocket-version te traceparent tracestate trailer upgrade',
  'upgrade-insecure-requests user-agent via x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto',
  'x-real-ip x-request-id x-requested-with',
];
const longest = 64;
const slots = 2048;
/** Bounded: a slot that is taken stays taken; a name that finds it so is made each time. */
const table: (FieldName | undefined)[] = Array.from({ length: slots });

/** By their numbers. */
export const commonNames: readonly string[] = [...deciding, ...common.flatMap((line) => line.split(' '))];

/** The same as the parser knows them. */
export const commonFieldNames: readonly FieldName[] = commonNames.map(fieldName);

for (const name of commonFieldNames) {
  let hash = 0;
  for (const octet of Buffer.from(name.text, 'latin1')) hash = (Math.imul(hash, 31) + octet) | 0;
  table[hash & (slots - 1)] ??= name;
}

/**
 * The name in bytes[start, end), which are token octets. `hash` is the sum over its octets in lower case, each time
 * times 31: the caller looks at each of them anyway.
 */
export function nameOf(bytes: Buffer, start: number, end: number, hash: number): FieldName {
  const slot = hash & (slots - 1);
  const known = table[slot];
  if (known && same(known.text, bytes, start, end)) return known;
  const text = bytes.toString('latin1', start, end).toLowerCase();
  // Common ones may share a slot, and each is one object all the same.
  const name = commonFieldNames[commonNames.indexOf(text)] ?? fieldName(text);
  if (!known && text.length <= longest) table[slot] = name;
  return name;
}

/** `text` is in lower case. */
export function fieldName(text: string): FieldName {
  return {
    text,
    number: commonNames.indexOf(text),
    decides: deciding.includes(text),
    frames: text === 'content-length' || text === 'transfer-encoding',
    underscored: text.includes('_'),
    seen: 0,
  };
}

function same(text: string, bytes: Buffer, start: number, end: number): boolean {
  const size = end - start;
  if (text.length !== size) return false;
  for (let at = 0; at < size; at += 1) {
    if (text.charCodeAt(at) !== nameOctets[bytes[start + at] ?? 0]) return false;
  }
  return true;
}
