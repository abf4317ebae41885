// One pass over the bytes of a head: request line, fields, and the fields that decide about framing (RFC 9112 §3, §5).
import type { ByteString } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import type { HeadEvent } from './events.ts';
import { type FieldName, nameOf } from './field-name.ts';
import { Fields } from './fields.ts';
import { clear, type FramingFields, frame, noFraming, note } from './framing.ts';
import { isHost, nameOctets, targetOctets, tokenOctets, valueOctets } from './grammar.ts';
import { ParsedHead, type Version } from './head.ts';
import type { LastHead } from './last-head.ts';
import type { Limits } from './limits.ts';
import { keeps } from './underscores.ts';

/** Where the parts of the head end, in the bytes: written while it is parsed, read in the same turn. */
const line = { method: 0, target: 0, version: 0, head: 0 };
/** The fields of the head that is parsed: their names, and where their values begin and end. The same arrays for each. */
const names: FieldName[] = [];
const values: number[] = [];
const framing = noFraming();
/** How many heads were parsed. */
let heads = 0;

/** Where the head that was parsed last ends, behind its empty line. */
export function headEnd(): number {
  return line.head;
}

/** Parses the head that begins at `start`; null where its end is not there yet. Throws HttpError. */
export function parseHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: Limits,
  last: LastHead,
): HeadEvent | null {
  const again = last.again(bytes, start, end);
  if (again) {
    line.head = start + last.length;
    return again;
  }
  if (!requestLine(bytes, start, end, limits)) return null;
  const known = last.sameFields(bytes, line.version + 2, end);
  if (known) {
    line.head = line.version + 2 + last.fieldsLength;
    if (line.head - start > limits.maxHead) throw tooLong(limits);
    return event(bytes, start, known.fields, known.framing, limits);
  }
  let count = 0;
  let at = line.version + 2;
  for (;;) {
    if (at < end && bytes[at] === 10) throw broken('a line ends with LF alone');
    if (at + 1 >= end) return unfinished(bytes, start, end, limits);
    if (bytes[at] === 13) {
      if (bytes[at + 1] !== 10) throw broken('a line ends with CR alone');
      break;
    }
    const next = field(bytes, at, end, count);
    if (next === 0) return unfinished(bytes, start, end, limits);
    at = next;
    count += 1;
    if (count > limits.maxHeaders) {
      throw new HttpError(431, `Cannot read the head: it has more than ${limits.maxHeaders} fields`);
    }
  }
  if (at + 2 - start > limits.maxHead) throw tooLong(limits);
  line.head = at + 2;
  const fields = fieldsOf(bytes, start, at, count, limits);
  const read = event(bytes, start, fields, framing, limits);
  last.keep(bytes, { start, line: line.version + 2, end: line.head }, read, { fields, framing });
  return read;
}

/** Finds the parts of the request line; false where it has not ended. The octets are checked, the parts are not. */
function requestLine(bytes: Buffer, start: number, end: number, limits: Limits): boolean {
  let at = start;
  while (at < end && tokenOctets[bytes[at] ?? 0] === 1) at += 1;
  if (at < end && (bytes[at] !== 32 || at === start))
    throw broken('it does not begin with a method and one space');
  line.method = at;
  const target = at + 1;
  at = target;
  while (at < end && targetOctets[bytes[at] ?? 0] === 1) at += 1;
  if (at - target > limits.maxTarget) {
    throw new HttpError(414, `Cannot read the head: its target is longer than ${limits.maxTarget} bytes`);
  }
  if (at >= end) return unfinished(bytes, start, end, limits) ?? false;
  if (bytes[at] !== 32 || at === target) throw broken('the method is not followed by a target and one space');
  line.target = at;
  for (at += 1; at < end; at += 1) {
    const octet = bytes[at] ?? 0;
    if (octet === 10) throw broken('a line ends with LF alone');
    if (octet === 13) break;
  }
  if (at + 1 >= end) return unfinished(bytes, start, end, limits) ?? false;
  if (bytes[at + 1] !== 10) throw broken('a line ends with CR alone');
  line.version = at;
  return true;
}

/** Takes one field line as number `index`; returns where the next line begins, 0 where this one has not ended. */
function field(bytes: Buffer, start: number, end: number, index: number): number {
  let at = start;
  let hash = 0;
  for (; at < end; at += 1) {
    const octet = nameOctets[bytes[at] ?? 0] ?? 0;
    if (octet === 0) break;
    hash = (Math.imul(hash, 31) + octet) | 0;
  }
  if (at >= end) return 0;
  if (bytes[at] !== 58 || at === start) throw broken('a field has no valid name before its colon');
  const nameEnd = at;
  at += 1;
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at += 1;
  const valueStart = at;
  while (at < end && valueOctets[bytes[at] ?? 0] === 1) at += 1;
  if (at + 1 >= end) {
    if (at < end && bytes[at] !== 13) throw broken('a field value has a control character');
    return 0;
  }
  if (bytes[at] !== 13)
    throw broken(bytes[at] === 10 ? 'a line ends with LF alone' : 'a field value has a control character');
  if (bytes[at + 1] !== 10) throw broken('a line ends with CR alone');
  let valueEnd = at;
  while (valueEnd > valueStart && (bytes[valueEnd - 1] === 32 || bytes[valueEnd - 1] === 9)) valueEnd -= 1;
  names[index] = nameOf(bytes, start, nameEnd, hash);
  values[2 * index] = valueStart;
  values[2 * index + 1] = valueEnd;
  return at + 2;
}

/** The fields that stay, and what of them decides about framing. */
function fieldsOf(bytes: Buffer, start: number, end: number, count: number, limits: Limits): Fields {
  const text = bytes.toString('latin1', start, end);
  clear(framing);
  let kept = 0;
  let plain = true;
  heads += 1;
  for (let index = 0; index < count; index += 1) {
    const name = names[index];
    if (!name) break; // field() has set it
    if (name.underscored && !keeps(name.text, limits.underscores)) continue;
    const valueStart = (values[2 * index] ?? 0) - start;
    const valueEnd = (values[2 * index + 1] ?? 0) - start;
    if (name.decides) {
      note(framing, name.text, text.slice(valueStart, valueEnd));
      if (name.frames && tabBehind(text, valueEnd)) throw broken(`a tab follows the value of ${name.text}`);
    }
    if (name.number < 0 || name.seen === heads) plain = false;
    name.seen = heads;
    names[kept] = name;
    values[2 * kept] = valueStart;
    values[2 * kept + 1] = valueEnd;
    kept += 1;
  }
  return new Fields(text, names.slice(0, kept), values.slice(0, 2 * kept), plain);
}

function event(
  bytes: Buffer,
  start: number,
  fields: Fields,
  framing: FramingFields,
  limits: Limits,
): HeadEvent {
  const text = bytes.toString('latin1', start, line.version);
  const method = methodOf(text, line.method - start);
  const target = text.slice(line.method + 1 - start, line.target - start);
  const version = versionOf(text, line.target + 1 - start);
  checkTarget(method, target, framing);
  const head = new ParsedHead(method, target, version, fields);
  return frame(head, framing, limits.maxBody);
}

/** The methods that nearly all requests have are not made anew. */
function methodOf(text: ByteString, size: number): string {
  if (size === 3 && text.startsWith('GET')) return 'GET';
  if (size === 4 && text.startsWith('POST')) return 'POST';
  return text.slice(0, size);
}

function versionOf(text: ByteString, start: number): Version {
  if (text.length - start === 8 && text.endsWith('HTTP/1.1')) return '1.1';
  const given = text.slice(start);
  if (given === 'HTTP/1.0') return '1.0';
  if (/^HTTP\/\d\.\d$/.test(given))
    throw new HttpError(505, `Cannot speak "${given}": HTTP/1.1 and HTTP/1.0 are spoken here`);
  throw broken('the request line does not end with a version');
}

/** Origin form, absolute form with the same host, or `*` for OPTIONS; CONNECT is not implemented (RFC 9112 §3.2). */
export function checkTarget(method: string, target: ByteString, fields: FramingFields): void {
  if (method === 'CONNECT') throw new HttpError(501, 'Cannot tunnel: CONNECT is not implemented');
  // RFC 9113 §3.4: the begin of HTTP/2, made so that HTTP/1.1 servers go no further.
  if (method === 'PRI')
    throw new HttpError(505, 'Cannot speak HTTP/2: HTTP/1.1 and HTTP/1.0 are spoken here');
  if (target.startsWith('/')) return;
  if (target === '*') {
    if (method === 'OPTIONS') return;
    throw broken('only OPTIONS may have the target "*"');
  }
  const authority = /^https?:\/\/([^/?]+)/i.exec(target)?.[1];
  if (authority === undefined || authority.startsWith(':') || !isHost(authority))
    throw broken('the target is neither a path nor an http URL');
  // RFC 9112 §3.2.2 lets the target win; two different hosts in one request are refused instead.
  if (fields.hosts === 1 && fields.host.toLowerCase() !== authority.toLowerCase()) {
    throw broken('the target names another host than Host does');
  }
}

/** A blank as any other (RFC 9110 §5.6.3), but some parsers take it for a part of the value: no framing field has one. */
function tabBehind(text: ByteString, valueEnd: number): boolean {
  let at = valueEnd;
  while (text.charCodeAt(at) === 32) at += 1;
  return text.charCodeAt(at) === 9;
}

/** Not complete: fine below the limits; beyond them 414 where not even the request line ended, else 431. */
export function unfinished(bytes: Buffer, start: number, end: number, limits: Limits): null {
  if (end - start <= limits.maxHead) return null;
  if (!bytes.includes('\r\n', start, 'latin1')) {
    throw new HttpError(414, `Cannot read the head: its request line is longer than ${limits.maxHead} bytes`);
  }
  throw tooLong(limits);
}

function tooLong(limits: Limits): HttpError {
  return new HttpError(431, `Cannot read the head: it is longer than ${limits.maxHead} bytes`);
}

function broken(why: string): HttpError {
  return new HttpError(400, `Cannot read the head: ${why}`);
}
