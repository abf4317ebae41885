// An answer as bytes: head, chunks, trailers and the date; no socket (RFC 9112 §4, §7.1).
import type { ByteString, HeaderList } from '../core/bytes.ts';
import { GatewayError } from '../core/errors.ts';
import { bodiless, reasonOf } from '../core/status.ts';
import { isFieldValue, isToken, lowerName } from './grammar.ts';
import type { ResponseHead } from './head.ts';
import { Joined, join } from './joined.ts';

/** A response head that was checked: nothing in it can split or smuggle. Made by checkHead(), by checkLooseHead(), and by the sync wing, whose clauses are stricter. */
export class CheckedHead implements ResponseHead {
  readonly status: number;
  /** Where it is not the registered one. */
  readonly reason: ByteString | undefined;
  readonly headers: HeaderList;
  /** Status line and fields, each with its CRLF. */
  readonly lines: ByteString;
  /** The app's Content-Length; null where it gave none, or where the status has no body. */
  readonly length: number | null;
  readonly dated: boolean;
  /** The lines have come before, and are the same object again. */
  readonly known: boolean;

  constructor(
    status: number,
    headers: HeaderList,
    lines: ByteString,
    { length, dated, known, reason }: Pick<CheckedHead, 'length' | 'dated' | 'known' | 'reason'>,
  ) {
    this.status = status;
    this.reason = reason;
    this.headers = headers;
    this.lines = lines;
    this.length = length;
    this.dated = dated;
    this.known = known;
  }
}

/** Fields that are the engine's: how an answer is framed and how long a connection lives (RFC 9110 §7.6.1). */
const ours = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te']);

/** A name that apps send, as it was spelled. */
interface KnownName {
  readonly kind: 'plain' | 'content-length' | 'date' | 'ours';
  readonly lower: string;
  /** The value that it had last, and both as a line: most answers say the same again. Only where it is in lower case. */
  value: ByteString;
  line: ByteString;
  /** The value as a number, where it is a Content-Length. */
  length: number;
}
const known = new Map<string, KnownName>();
const kept = 64;

/** Checks what an app wants to send. Throws GatewayError CONTRACT where it could split or smuggle. */
export function checkHead(head: ResponseHead): CheckedHead {
  return head instanceof CheckedHead ? head : check(head, false);
}

/** The same, with names in lower case and without the fields that are the engine's, which are refused otherwise. */
export function checkLooseHead(head: ResponseHead): CheckedHead {
  return check(head, true);
}

/** The lines of the head that is checked; the same array for each. */
const parts: ByteString[] = [];
const heads = new Joined();

function check({ status, reason, headers }: ResponseHead, loose: boolean): CheckedHead {
  parts[0] = statusLine(status, reason);
  let count = 1;
  let allKnown = reason === undefined;
  let length: number | null = null;
  let dated = false;
  let changed = false;
  for (let at = 0; at < headers.length; at += 1) {
    const pair = headers[at];
    if (pair?.length !== 2) throw refused(`the header number ${at + 1}`, 'it is not a pair');
    const [name, value] = pair;
    const one = known.get(name) ?? learn(name, loose);
    if (one.kind === 'ours') {
      if (!loose) throw refused(`the header "${name}"`, "framing and connection are the server's");
      changed = true;
      continue;
    }
    const plain = one.lower === name;
    if (loose && !plain) changed = true;
    const again = plain && value === one.value && one.line !== '';
    if (one.kind === 'content-length') {
      if (length !== null) throw refused('the header "content-length"', 'there is more than one');
      length = again ? one.length : lengthOf(value);
      if (status === 204) continue; // RFC 9110 §8.6: a 204 has none
    } else if (one.kind === 'date') {
      dated = true;
    }
    if (!again) allKnown = false;
    parts[count] = again ? one.line : lineOf(loose ? one.lower : name, value, plain ? one : null);
    count += 1;
  }
  const own = changed ? looseHeaders(headers) : headers;
  const lines = allKnown ? heads.of(parts, count) : join(parts, count);
  if (bodiless(status)) length = null;
  return new CheckedHead(status, own, lines, { length, dated, known: allKnown, reason });
}

/** Remembered in `one`, where there is one. */
function lineOf(name: string, value: ByteString, one: KnownName | null): ByteString {
  if (typeof value !== 'string' || !isFieldValue(value)) {
    throw refused(`the header "${name}"`, 'its value has a control character or one beyond U+00FF');
  }
  const line = `${name}: ${value}\r\n`;
  if (one && value.length <= kept) {
    one.value = value;
    one.line = line;
    if (one.kind === 'content-length') one.length = lengthOf(value);
  }
  return line;
}

/** With names in lower case, and without the fields that are the engine's. */
export function looseHeaders(headers: HeaderList): HeaderList {
  return headers
    .map(([name, value]) => [lowerName(name), value] as const)
    .filter(([name]) => !ours.has(name));
}

const statusLines = new Map<number, ByteString>();

function statusLine(status: number, reason: ByteString | undefined): ByteString {
  const line = reason === undefined ? statusLines.get(status) : undefined;
  if (line !== undefined) return line;
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    throw refused(`the status ${String(status)}`, 'a status is a whole number from 200 to 999');
  }
  if (reason !== undefined && !isFieldValue(reason))
    throw refused(`the reason "${reason}"`, 'it has a control character or one beyond U+00FF');
  const made = `HTTP/1.1 ${status} ${reason ?? reasonOf(status)}\r\n`;
  if (reason === undefined) statusLines.set(status, made); // 800 at most
  return made;
}

/** The lines of a checked head, each with its CRLF, as what they were made of. */
export function decodeHead(lines: ByteString): ResponseHead {
  const [first = '', ...fields] = lines.slice(0, -2).split('\r\n');
  const headers = fields.map((field) => {
    const colon = field.indexOf(': ');
    return [field.slice(0, colon), field.slice(colon + 2)] as const;
  });
  return { status: Number(first.slice(9, 12)), reason: first.slice(13), headers };
}

/** The lines of an informational answer, whole. */
export function encodeInformational(status: 100 | 103, headers: HeaderList): ByteString {
  let text = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`;
  for (const [name, value] of headers) {
    if (learn(name, false).kind !== 'plain')
      throw refused(`the header "${name}"`, 'it belongs into the final head');
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
    if (learn(name, false).kind !== 'plain')
      throw refused(`the trailer "${name}"`, 'it belongs into the head');
    if (!isFieldValue(value))
      throw refused(`the trailer "${name}"`, 'its value has a control character or one beyond U+00FF');
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

let line = '';
let end = '';
/** Is the clock asked each time, and when (in ms since the epoch) is the line too old? */
let asked = false;
let tooOld = 0;

/** From now on the date is right on a thread whose loop gets no turn, and so no timer: 0.03 µs each time. */
export function askClock(): void {
  asked = true;
}

/** `date: …`, made once a second; nobody asks the clock in between. */
export function dateLine(): ByteString {
  if (line === '' || (asked && Date.now() >= tooOld)) {
    const now = Date.now();
    const left = 1000 - (now % 1000);
    line = `date: ${new Date(now).toUTCString()}\r\n`;
    end = `${line}\r\n`;
    if (asked) tooOld = now + left;
    else setTimeout(forgetDate, left).unref();
  }
  return line;
}

/** The end of a head: the date where the app has said none, and the empty line. */
export function endOfHead({ dated }: CheckedHead): ByteString {
  if (dated) return '\r\n';
  dateLine();
  return end;
}

const whole = new Joined();

/** All of a head that needs nothing from the engine but the date. */
export function plainHead(head: CheckedHead): ByteString {
  if (!head.known) return head.lines + endOfHead(head);
  parts[0] = head.lines;
  parts[1] = endOfHead(head);
  return whole.of(parts, 2);
}

function forgetDate(): void {
  line = '';
}

function learn(name: string, loose: boolean): KnownName {
  const before = known.get(name);
  if (before) return before;
  const lower = typeof name === 'string' ? lowerName(name) : '';
  if (!isToken(lower)) throw refused(`the header "${String(name)}"`, 'its name is not a token');
  const mine = ours.has(lower);
  if (mine && !loose) throw refused(`the header "${name}"`, "framing and connection are the server's");
  const kind = mine ? 'ours' : lower === 'content-length' || lower === 'date' ? lower : 'plain';
  const one: KnownName = { kind, lower, value: '', line: '', length: 0 };
  // Bounded: an app may make up names for ever.
  if (known.size < 1024 && name.length <= 64) known.set(name, one);
  return one;
}

function lengthOf(value: ByteString): number {
  if (!/^\d{1,15}$/.test(value))
    throw refused('the header "content-length"', `its value "${value}" is not a number`);
  return Number(value);
}

function refused(what: string, why: string): GatewayError {
  return new GatewayError('CONTRACT', `Cannot send ${what}: ${why}`);
}
