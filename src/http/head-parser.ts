// One pass over the bytes of a head: request line, fields, and the fields that decide about framing (RFC 9112 §3, §5).
import type { ByteString } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import type { FramingFields } from './framing.ts';
import { isHost, targetOctets, tokenOctets, valueOctets } from './grammar.ts';
import { ParsedHead, type Version } from './head.ts';
import type { Limits } from './limits.ts';

export interface ParsedRequest {
  readonly head: ParsedHead;
  readonly fields: FramingFields;
  /** Where the head's last CRLF ends. */
  readonly end: number;
}

/** Where the parts of the request line end, in the bytes: written by requestLine(), read in the same turn. */
const line = { method: 0, target: 0, version: 0 };

/** Parses the head that begins at `start`; null where its end is not there yet. Throws HttpError. */
export function parseHead(bytes: Buffer, start: number, end: number, limits: Limits): ParsedRequest | null {
  if (!requestLine(bytes, start, end, limits)) return null;
  const offsets: number[] = [];
  let at = line.version + 2;
  for (;;) {
    if (at < end && bytes[at] === 10) throw broken('a line ends with LF alone');
    if (at + 1 >= end) return unfinished(bytes, start, end, limits);
    if (bytes[at] === 13) {
      if (bytes[at + 1] !== 10) throw broken('a line ends with CR alone');
      break;
    }
    const next = field(bytes, at, end, offsets);
    if (next === null) return unfinished(bytes, start, end, limits);
    at = next;
    if (offsets.length > 4 * limits.maxHeaders) {
      throw new HttpError(431, `Cannot read the head: it has more than ${limits.maxHeaders} fields`);
    }
  }
  if (at + 2 - start > limits.maxHead) throw tooLong(limits);
  if (start > 0)
    for (let index = 0; index < offsets.length; index += 1) offsets[index] = (offsets[index] ?? 0) - start;
  return assemble(bytes.toString('latin1', start, at), start, offsets, at + 2);
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

/** Takes one field line; returns where the next line begins, null where this one has not ended. */
function field(bytes: Buffer, start: number, end: number, offsets: number[]): number | null {
  let at = start;
  while (at < end && tokenOctets[bytes[at] ?? 0] === 1) at += 1;
  if (at >= end) return null;
  if (bytes[at] !== 58 || at === start) throw broken('a field has no valid name before its colon');
  const nameEnd = at;
  at += 1;
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at += 1;
  const valueStart = at;
  while (at < end && valueOctets[bytes[at] ?? 0] === 1) at += 1;
  if (at + 1 >= end) {
    if (at < end && bytes[at] !== 13) throw broken('a field value has a control character');
    return null;
  }
  if (bytes[at] !== 13)
    throw broken(bytes[at] === 10 ? 'a line ends with LF alone' : 'a field value has a control character');
  if (bytes[at + 1] !== 10) throw broken('a line ends with CR alone');
  let valueEnd = at;
  while (valueEnd > valueStart && (bytes[valueEnd - 1] === 32 || bytes[valueEnd - 1] === 9)) valueEnd -= 1;
  offsets.push(start, nameEnd, valueStart, valueEnd);
  return at + 2;
}

function assemble(text: ByteString, start: number, offsets: readonly number[], end: number): ParsedRequest {
  const method = text.slice(0, line.method - start);
  const target = text.slice(line.method + 1 - start, line.target - start);
  const version = versionOf(text.slice(line.target + 1 - start, line.version - start));
  const fields = framingFields(text, offsets);
  checkTarget(method, target, fields);
  return { head: new ParsedHead({ method, target, version }, text, offsets), fields, end };
}

function versionOf(text: ByteString): Version {
  if (text === 'HTTP/1.1') return '1.1';
  if (text === 'HTTP/1.0') return '1.0';
  if (/^HTTP\/\d\.\d$/.test(text))
    throw new HttpError(505, `Cannot speak "${text}": HTTP/1.1 and HTTP/1.0 are spoken here`);
  throw broken('the request line does not end with a version');
}

/** Origin form, absolute form with the same host, or `*` for OPTIONS; CONNECT is not implemented (RFC 9112 §3.2). */
function checkTarget(method: string, target: ByteString, fields: FramingFields): void {
  if (method === 'CONNECT') throw new HttpError(501, 'Cannot tunnel: CONNECT is not implemented');
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

function framingFields(text: ByteString, offsets: readonly number[]): FramingFields {
  const fields: FramingFields = {
    hosts: 0,
    host: '',
    lengths: 0,
    length: '',
    codings: 0,
    coding: '',
    connection: null,
    expect: null,
  };
  for (let at = 0; at < offsets.length; at += 4) {
    const start = offsets[at] ?? 0;
    const size = (offsets[at + 1] ?? 0) - start;
    if (!interesting(size, text.charCodeAt(start) | 32)) continue;
    note(fields, text.slice(start, start + size).toLowerCase(), text.slice(offsets[at + 2], offsets[at + 3]));
  }
  return fields;
}

/** Could a name of this length and first letter be one of note()? Spares most names their string. */
function interesting(size: number, first: number): boolean {
  if (size === 4) return first === 104; // host
  if (size === 6) return first === 101; // expect
  if (size === 10 || size === 14) return first === 99; // connection, content-length
  return size === 17 && first === 116; // transfer-encoding
}

function note(fields: FramingFields, name: string, value: ByteString): void {
  if (name === 'host') {
    fields.hosts += 1;
    fields.host = value;
  } else if (name === 'content-length') {
    fields.lengths += 1;
    fields.length = value;
  } else if (name === 'transfer-encoding') {
    fields.codings += 1;
    fields.coding = value;
  } else if (name === 'connection') {
    fields.connection = fields.connection === null ? value : `${fields.connection},${value}`;
  } else if (name === 'expect') {
    fields.expect = fields.expect === null ? value : `${fields.expect},${value}`;
  }
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
