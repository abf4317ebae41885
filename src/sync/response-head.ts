// The head that an app gives to startResponse: checked on the app's own line, once a spelling.
import { ContractError } from '../core/errors.ts';
import { reasonOf } from '../core/status.ts';
import type { ResponseHeaders, StatusLine } from './interface.ts';

/** A checked head: a copy, so that the app may go on changing its own array. */
export interface Head {
  readonly status: StatusLine;
  readonly headers: ResponseHeaders;
  /** The app's Content-Length; null where it gave none. */
  readonly length: number | null;
  /** 204 and 304 carry no body, whatever the app gives (RFC 9110 §6.4.1). */
  readonly bodyless: boolean;
}

interface Code {
  readonly status: number;
  readonly reason: string | undefined;
}

// Apps use few spellings, and these maps are dropped when someone makes them up as he goes.
const maxSpellings = 1024;
const statuses = new Set<string>();
const codes = new Map<string, Code>();
const names = new Map<string, 'plain' | 'content-length'>();

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
  checkStatus(status);
  if (!Array.isArray(headers)) {
    throw new ContractError('W-52', `The headers are ${shown(headers)}: give an array of pairs`);
  }
  let length: number | null = null;
  const copy: ResponseHeaders = [];
  for (const pair of headers) {
    const [name, value] = checkPair(pair);
    if (checkName(name) === 'content-length') length = lengthOf(value, length);
    checkValue(name, value);
    copy.push([name, value]);
  }
  const bodyless = status.startsWith('204') || status.startsWith('304');
  return { status, headers: copy, length, bodyless };
}

/** A status line that was checked, as the engine takes it: without a reason where it is the registered one. */
export function codeOf(line: StatusLine): Code {
  const known = codes.get(line);
  if (known) return known;
  const status = Number(line.slice(0, 3));
  const reason = line.slice(4);
  const code: Code = { status, reason: reason === reasonOf(status) ? undefined : reason };
  remember(codes, () => codes.set(line, code));
  return code;
}

function checkStatus(status: unknown): asserts status is StatusLine {
  if (typeof status === 'string' && statuses.has(status)) return;
  if (typeof status !== 'string' || !statusLine.test(status)) {
    const hint =
      typeof status === 'string' && /^1\d\d /.test(status)
        ? 'a 1xx status is not an answer, and the server sends those itself'
        : 'write three digits, one space and a reason, as in "200 OK"';
    throw new ContractError('W-51', `The status is ${shown(status)}: ${hint}`);
  }
  remember(statuses, () => statuses.add(status));
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

function checkName(name: string): 'plain' | 'content-length' {
  const known = names.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (!token.test(name) || /[-_]$/.test(name) || lower === 'status') {
    throw new ContractError('W-53', `The header name ${shown(name)} is not one that a response can have`);
  }
  if (hopByHop.has(lower)) {
    throw new ContractError('W-55', `The header "${name}" belongs to the server: leave it out`);
  }
  const kind = lower === 'content-length' ? 'content-length' : 'plain';
  remember(names, () => names.set(name, kind));
  return kind;
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
