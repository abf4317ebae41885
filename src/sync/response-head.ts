// The head that an app gives to startResponse: checked on the app's own line, once a spelling.
import type { ByteString } from '../core/bytes.ts';
import { ContractError } from '../core/errors.ts';
import { bodiless, reasonOf } from '../core/status.ts';
import { CheckedHead } from '../http/encoder.ts';
import { Joined, join } from '../http/joined.ts';
import type { ResponseHeaders, StatusLine } from './interface.ts';

/** A checked head: a copy, so that the app may go on changing its own array. */
export class Head {
  readonly status: StatusLine;
  readonly headers: ResponseHeaders;
  /** The app's Content-Length; null where it gave none. */
  readonly length: number | null;
  readonly #code: Code;
  /** The same as lines, each with its CRLF. */
  readonly #lines: ByteString;
  readonly #dated: boolean;
  /** Each of the lines has come before. */
  readonly #known: boolean;

  constructor(
    status: StatusLine,
    headers: ResponseHeaders,
    length: number | null,
    { code, lines, dated, known }: { code: Code; lines: ByteString; dated: boolean; known: boolean },
  ) {
    this.status = status;
    this.headers = headers;
    this.length = length;
    this.#code = code;
    this.#lines = lines;
    this.#dated = dated;
    this.#known = known;
  }

  /** 204 and 304 carry no body, whatever the app gives (RFC 9110 §6.4.1). */
  get bodyless(): boolean {
    return this.#code.bodyless;
  }

  /** For the engine, which need not check it again. */
  get checked(): CheckedHead {
    const length = this.bodyless ? null : this.length;
    const more = { length, dated: this.#dated, known: this.#known, reason: this.#code.reason };
    return new CheckedHead(this.#code.status, this.headers, this.#lines, more);
  }

  /** The same with a Content-Length that the app has left to the server. */
  measured(length: number): Head {
    const line = `Content-Length: ${length}\r\n`;
    const headers: ResponseHeaders = [...this.headers, ['Content-Length', String(length)]];
    const more = { code: this.#code, lines: this.#lines + line, dated: this.#dated, known: false };
    return new Head(this.status, headers, length, more);
  }
}

/** What is known of a status line. */
interface Code {
  readonly status: number;
  /** Where it is not the registered one. */
  readonly reason: string | undefined;
  readonly line: ByteString;
  readonly bodyless: boolean;
}

/** What is known of a header's name, as it was spelled. */
interface Name {
  readonly kind: 'plain' | 'content-length' | 'date';
  /** The value that it had last, and both as a line: most answers say the same again. */
  value: ByteString | null;
  line: ByteString;
  /** The value as a number, where it is a Content-Length. */
  length: number;
}

// Apps use few spellings, and these maps are dropped when someone makes them up as he goes.
const maxSpellings = 1024;
const codes = new Map<string, Code>();
const names = new Map<string, Name>();
/** Characters of a value that is remembered. */
const kept = 64;
/** The lines of the head that is checked; the same array for each. */
const parts: ByteString[] = [];
const heads = new Joined();

const statusLine = /^[2-9]\d\d [\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fieldValue = /^[\x20-\x7e\x80-\xff]*$/;
const digits = /^\d{1,15}$/;
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
]);

/** Throws ContractError with the clause that was broken: W-51 to W-55, W-79. */
export function checkHead(status: unknown, headers: unknown): Head {
  const code = codeFor(status);
  if (!Array.isArray(headers)) {
    throw new ContractError('W-52', `The headers are ${shown(headers)}: give an array of pairs`);
  }
  let length: number | null = null;
  let dated = false;
  let known = true;
  let count = 1;
  parts[0] = code.line;
  const copy: ResponseHeaders = [];
  for (const pair of headers) {
    const [name, value] = checkPair(pair);
    const one = names.get(name) ?? learn(name);
    const again = value === one.value;
    if (!again) {
      checkValue(name, value);
      known = false;
    }
    if (one.kind === 'content-length')
      length = again && length === null ? one.length : lengthOf(value, length);
    else if (one.kind === 'date') dated = true;
    copy.push([name, value]);
    if (one.kind === 'content-length' && code.status === 204) continue; // RFC 9110 §8.6: a 204 has none
    parts[count] = again ? one.line : lineOf(name, value, one);
    count += 1;
  }
  const lines = known ? heads.of(parts, count) : join(parts, count);
  // codeFor() has seen that the status is one
  return new Head(status as StatusLine, copy, length, { code, lines, dated, known });
}

/** Remembered, where it is short. */
function lineOf(name: string, value: ByteString, one: Name): ByteString {
  const line = `${name}: ${value}\r\n`;
  if (value.length <= kept) {
    one.value = value;
    one.line = line;
    if (one.kind === 'content-length') one.length = Number(value);
  }
  return line;
}

function codeFor(status: unknown): Code {
  const known = typeof status === 'string' ? codes.get(status) : undefined;
  if (known) return known;
  checkStatus(status);
  const number = Number(status.slice(0, 3));
  const reason = status.slice(4);
  const code: Code = {
    status: number,
    reason: reason === reasonOf(number) ? undefined : reason,
    line: `HTTP/1.1 ${status}\r\n`,
    bodyless: bodiless(number),
  };
  remember(codes, () => codes.set(status, code));
  return code;
}

function checkStatus(status: unknown): asserts status is StatusLine {
  if (typeof status === 'string' && statusLine.test(status)) return;
  const hint =
    typeof status === 'string' && /^1\d\d /.test(status)
      ? 'a 1xx status is not an answer, and the server sends those itself'
      : 'write three digits, one space and a reason, as in "200 OK"';
  throw new ContractError('W-51', `The status is ${shown(status)}: ${hint}`);
}

function checkPair(pair: unknown): [string, string] {
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new ContractError('W-52', `A header is ${shown(pair)}: give a pair [name, value]`);
  }
  const [name, value]: unknown[] = pair;
  if (typeof name !== 'string' || typeof value !== 'string') {
    throw new ContractError(
      'W-52',
      `The header ${shown(name)} has the value ${shown(value)}: both are strings`,
    );
  }
  return [name, value];
}

function learn(name: string): Name {
  const lower = name.toLowerCase();
  if (!token.test(name) || /[-_]$/.test(name) || lower === 'status') {
    throw new ContractError('W-53', `The header name ${shown(name)} is not one that a response can have`);
  }
  if (hopByHop.has(lower)) {
    throw new ContractError('W-55', `The header "${name}" belongs to the server: leave it out`);
  }
  const kind = lower === 'content-length' || lower === 'date' ? lower : 'plain';
  const one: Name = { kind, value: null, line: '', length: 0 };
  remember(names, () => names.set(name, one));
  return one;
}

function checkValue(name: string, value: string): void {
  if (fieldValue.test(value)) return;
  throw new ContractError(
    'W-54',
    `The header "${name}" has the value ${shown(value)}: no control characters, and nothing beyond U+00FF`,
  );
}

function lengthOf(value: string, before: number | null): number {
  if (!digits.test(value)) {
    throw new ContractError('W-79', `The Content-Length is ${shown(value)}: give a number of bytes`);
  }
  if (before !== null) throw new ContractError('W-79', 'There are two Content-Length headers: give one');
  return Number(value);
}

function remember(cache: { readonly size: number; clear(): void }, add: () => void): void {
  if (cache.size >= maxSpellings) cache.clear();
  add();
}

/** A value as an error shows it: short, in quotes, control characters escaped. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `${typeof value} ${String(value)}`;
}
