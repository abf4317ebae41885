// An answer as bytes: head, chunks, trailers and the date; no socket (RFC 9112 §4, §7.1).
import type { ByteString, HeaderList } from '../core/bytes.ts';
import { GatewayError } from '../core/errors.ts';
import { bodiless, reasonOf } from '../core/status.ts';
import { isFieldValue, isToken, lowerName } from './grammar.ts';
import type { ResponseHead } from './head.ts';

/** A response head that was checked, with what its framing depends on. */
export interface CheckedHead {
  readonly status: number;
  /** Status line and the app's fields, each with its CRLF. */
  readonly lines: ByteString;
  /** The app's Content-Length; null where it gave none. */
  readonly length: number | null;
  readonly dated: boolean;
}

/** Fields that are the engine's: how an answer is framed and how long a connection lives (RFC 9110 §7.6.1). */
const ours = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te']);
const known = new Map<string, 'plain' | 'content-length' | 'date'>();

/** Checks what an app wants to send. Throws GatewayError CONTRACT where it could split or smuggle. */
export function checkHead({ status, reason, headers }: ResponseHead): CheckedHead {
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    throw refused(`the status ${String(status)}`, 'a status is a whole number from 200 to 999');
  }
  if (reason !== undefined && !isFieldValue(reason))
    throw refused(`the reason "${reason}"`, 'it has a control character or one beyond U+00FF');
  let lines = `HTTP/1.1 ${status} ${reason ?? reasonOf(status)}\r\n`;
  let length: number | null = null;
  let dated = false;
  for (const [name, value] of headers) {
    const kind = known.get(name) ?? kindOf(name);
    if (typeof value !== 'string' || !isFieldValue(value)) {
      throw refused(`the header "${name}"`, 'its value has a control character or one beyond U+00FF');
    }
    if (kind === 'content-length') {
      length = lengthOf(value, length);
      if (status === 204) continue; // RFC 9110 §8.6: a 204 has none
    } else if (kind === 'date') {
      dated = true;
    }
    lines += `${name}: ${value}\r\n`;
  }
  return { status, lines, length: bodiless(status) ? null : length, dated };
}

/** The lines of an informational answer, whole. */
export function encodeInformational(status: 100 | 103, headers: HeaderList): ByteString {
  let text = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`;
  for (const [name, value] of headers) {
    if (kindOf(name) !== 'plain') throw refused(`the header "${name}"`, 'it belongs into the final head');
    if (!isFieldValue(value))
      throw refused(`the header "${name}"`, 'its value has a control character or one beyond U+00FF');
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

/** A whole answer that the engine gives by itself, in plain text; it closes the connection. */
export function encodeRefusal(status: number, message: string): ByteString {
  const body = refusalBody(status, message);
  const fields = refusalHeaders(status).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${fields.join('')}content-length: ${body.length}\r\n${dateLine()}connection: close\r\n\r\n${body}`;
}

export function refusalHeaders(status: number): HeaderList {
  const plain: HeaderList = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['x-content-type-options', 'nosniff'],
  ];
  return status === 503 ? [...plain, ['retry-after', '1']] : plain;
}

/** What a client may know: the reason of a refusal, but nothing about the inside of a failure. */
export function refusalBody(status: number, message: string): ByteString {
  const text = status >= 500 && status !== 503 && status !== 501 && status !== 505 ? '' : `${message}\n`;
  return Buffer.from(`${status} ${reasonOf(status)}\n${text}`, 'utf8').toString('latin1');
}

export function encodeChunkSize(size: number): ByteString {
  return `${size.toString(16)}\r\n`;
}

/** The last chunk, with the trailers behind it. */
export function encodeLastChunk(trailers: HeaderList): ByteString {
  if (trailers.length === 0) return '0\r\n\r\n';
  let text = '0\r\n';
  for (const [name, value] of trailers) {
    if (kindOf(name) !== 'plain') throw refused(`the trailer "${name}"`, 'it belongs into the head');
    if (!isFieldValue(value))
      throw refused(`the trailer "${name}"`, 'its value has a control character or one beyond U+00FF');
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

let line = '';

/** `date: …`, made once a second; nobody asks the clock in between. */
export function dateLine(): ByteString {
  if (line === '') {
    const now = Date.now();
    line = `date: ${new Date(now).toUTCString()}\r\n`;
    setTimeout(forgetDate, 1000 - (now % 1000)).unref();
  }
  return line;
}

function forgetDate(): void {
  line = '';
}

function kindOf(name: string): 'plain' | 'content-length' | 'date' {
  const lower = typeof name === 'string' ? lowerName(name) : '';
  if (!isToken(lower)) throw refused(`the header "${String(name)}"`, 'its name is not a token');
  if (ours.has(lower)) throw refused(`the header "${name}"`, "framing and connection are the server's");
  const kind = lower === 'content-length' || lower === 'date' ? lower : 'plain';
  // Bounded: an app may make up names for ever.
  if (known.size < 1024 && name.length <= 64) known.set(name, kind);
  return kind;
}

function lengthOf(value: ByteString, before: number | null): number {
  if (before !== null) throw refused('the header "content-length"', 'there is more than one');
  if (!/^\d{1,15}$/.test(value))
    throw refused('the header "content-length"', `its value "${value}" is not a number`);
  return Number(value);
}

function refused(what: string, why: string): GatewayError {
  return new GatewayError('CONTRACT', `Cannot send ${what}: ${why}`);
}
