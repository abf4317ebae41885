// How long is this body? And what else the head says about the connection (RFC 9112 §6, §9).
import type { ByteString } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import type { HeadEvent } from './events.ts';
import { isHost, listOf } from './grammar.ts';
import type { RequestHead, Version } from './head.ts';

/** The fields that decide about framing and connection, gathered while the head is parsed. */
export interface FramingFields {
  hosts: number;
  host: ByteString;
  lengths: number;
  length: ByteString;
  codings: number;
  coding: ByteString;
  connection: ByteString | null;
  expect: ByteString | null;
}

/** None gathered yet. */
export function noFraming(): FramingFields {
  return {
    hosts: 0,
    host: '',
    lengths: 0,
    length: '',
    codings: 0,
    coding: '',
    connection: null,
    expect: null,
  };
}

/** As noFraming(), for the next head. */
export function clear(fields: FramingFields): void {
  fields.hosts = 0;
  fields.host = '';
  fields.lengths = 0;
  fields.length = '';
  fields.codings = 0;
  fields.coding = '';
  fields.connection = null;
  fields.expect = null;
}

/** Gathers a field, where it is one of those that decide; its name is in lower case. */
export function note(fields: FramingFields, name: string, value: ByteString): void {
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

/** Decides, or refuses: every doubt about where a message ends is an error (RFC 9112 §6.3, §11.2). */
export function frame(head: RequestHead, fields: FramingFields, maxBody: number): HeadEvent {
  const { version } = head;
  checkHost(fields, version);
  return {
    kind: 'head',
    head,
    length: lengthOf(fields, version, maxBody),
    keepAlive: keepAlive(fields.connection, version),
    expectsContinue: expectsContinue(fields.expect, version),
  };
}

function checkHost({ hosts, host }: FramingFields, version: Version): void {
  if (hosts > 1) throw new HttpError(400, 'Cannot route the request: it has more than one Host');
  if (hosts === 0 && version === '1.1')
    throw new HttpError(400, 'Cannot route the request: HTTP/1.1 needs a Host');
  if (hosts === 0 || host === lastHost) return;
  if (!isHost(host)) throw new HttpError(400, `Cannot route the request: its Host "${host}" is not a host`);
  lastHost = host;
}

/** Most requests name the host that the one before them named: it was a host then. */
let lastHost = '';

function lengthOf(fields: FramingFields, version: Version, maxBody: number): number | null {
  const { lengths, codings, length, coding } = fields;
  if (codings > 0) {
    if (lengths > 0)
      throw new HttpError(400, 'Cannot frame the body: it has both Transfer-Encoding and Content-Length');
    if (codings > 1)
      throw new HttpError(400, 'Cannot frame the body: it has more than one Transfer-Encoding');
    if (version === '1.0')
      throw new HttpError(400, 'Cannot frame the body: HTTP/1.0 has no Transfer-Encoding');
    if (coding.toLowerCase() !== 'chunked') {
      throw new HttpError(501, `Cannot decode the body: its Transfer-Encoding "${coding}" is not "chunked"`);
    }
    return null;
  }
  if (lengths > 1) throw new HttpError(400, 'Cannot frame the body: it has more than one Content-Length');
  if (lengths === 0) return 0;
  if (!/^\d{1,15}$/.test(length))
    throw new HttpError(400, `Cannot frame the body: its Content-Length "${length}" is not a number`);
  const bytes = Number(length);
  if (bytes > maxBody)
    throw new HttpError(413, `Cannot take the body: its ${bytes} bytes are more than ${maxBody}`);
  return bytes;
}

function keepAlive(connection: ByteString | null, version: Version): boolean {
  if (connection === null) return version === '1.1';
  const options = listOf(connection);
  if (options.includes('close')) return false;
  return version === '1.1' || options.includes('keep-alive');
}

function expectsContinue(expect: ByteString | null, version: Version): boolean {
  if (expect === null || version === '1.0') return false; // RFC 9110 §10.1.1: ignored from a 1.0 client
  if (expect.toLowerCase() === '100-continue') return true;
  throw new HttpError(417, `Cannot meet the expectation "${expect}"`);
}
