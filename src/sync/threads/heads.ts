// Heads as bytes in a slot: a table of lengths and one run of latin-1, the cheapest way across (sync-threads.md 3).
import { isByteString } from '../../core/bytes.ts';
import type { EnvironData, ResponseHeaders, StatusLine } from '../interface.ts';

/** The keys that most environs have travel as a number. Both sides run this file, so the order may change. */
const keys: readonly string[] = [
  'REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING RAW_URI SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE',
  'REMOTE_ADDR REMOTE_PORT CONTENT_TYPE CONTENT_LENGTH HTTPS HTTP_HOST HTTP_USER_AGENT HTTP_ACCEPT',
  'HTTP_ACCEPT_ENCODING HTTP_ACCEPT_LANGUAGE HTTP_CONNECTION HTTP_COOKIE HTTP_REFERER HTTP_ORIGIN HTTP_AUTHORIZATION',
  'HTTP_CACHE_CONTROL HTTP_IF_NONE_MATCH HTTP_IF_MODIFIED_SINCE HTTP_RANGE HTTP_EXPECT HTTP_TRANSFER_ENCODING',
  'HTTP_X_FORWARDED_FOR HTTP_X_FORWARDED_PROTO HTTP_UPGRADE_INSECURE_REQUESTS HTTP_SEC_FETCH_SITE',
  'HTTP_SEC_FETCH_MODE HTTP_SEC_FETCH_DEST HTTP_SEC_FETCH_USER HTTP_SEC_CH_UA HTTP_SEC_CH_UA_MOBILE',
  'HTTP_SEC_CH_UA_PLATFORM wsgi.version wsgi.url_scheme wsgi.multithread wsgi.multiprocess wsgi.run_once',
  'wsgi.input_terminated dualgate.request_id',
].flatMap((row) => row.split(' '));
const numbers = new Map(keys.map((key, number) => [key, number]));

/** Values that are not text, in the place of a length. */
const value = { true: -1, false: -2, version: -3 } as const;

/**
 * Writes an environ as [count, (key number or ~length of the key, length of the value) …, text]. Gives the bytes it took;
 * -1 where it does not fit, or holds what is neither text nor a flag: it must go by message then.
 */
export function encodeEnviron(environ: EnvironData, region: Buffer): number {
  const table: number[] = [0];
  let text = '';
  for (const key in environ) {
    // an environ's own keys, by a loop over them
    const given = environ[key as `${string}.${string}`];
    if (given === undefined || given === null) continue; // absent, or for the thread to fill
    const number = numbers.get(key);
    if (number === undefined) text += key;
    if (typeof given === 'string') {
      if (key.includes('.') && !isByteString(given)) return -1;
      text += given;
      table.push(number ?? ~key.length, given.length);
    } else if (typeof given === 'boolean')
      table.push(number ?? ~key.length, given ? value.true : value.false);
    else if (key === 'wsgi.version') table.push(number ?? ~key.length, value.version);
    else return -1;
  }
  table[0] = (table.length - 1) / 2;
  return put(table, text, region);
}

/** Reads what encodeEnviron wrote. A fresh object each time. */
export function decodeEnviron(region: Buffer, length: number): EnvironData {
  const table = tableOf(region);
  const count = table[0] ?? 0;
  const text = region.toString('latin1', (1 + count * 2) * 4, length);
  const environ: Record<string, unknown> = {};
  let at = 0;
  for (let index = 0; index < count; index++) {
    const code = table[1 + index * 2] ?? 0;
    const size = table[2 + index * 2] ?? 0;
    const start = code >= 0 ? at : at + ~code;
    const key = code >= 0 ? (keys[code] ?? '') : text.slice(at, start);
    at = size >= 0 ? start + size : start;
    if (size >= 0) environ[key] = text.slice(start, at);
    else environ[key] = size === value.version ? version : size === value.true;
  }
  // encodeEnviron had an EnvironData, and wrote all of it.
  return environ as unknown as EnvironData;
}

/** Writes a response head as [count, length …, text], the status first; -1 where it does not fit. */
export function encodeHead(status: StatusLine, headers: ResponseHeaders, region: Buffer): number {
  const table: number[] = [1 + headers.length * 2, status.length];
  let text: string = status;
  for (const [name, field] of headers) {
    table.push(name.length, field.length);
    text += name + field;
  }
  return put(table, text, region);
}

/** Reads what encodeHead wrote. */
export function decodeHead(region: Buffer, length: number): { status: StatusLine; headers: ResponseHeaders } {
  const table = tableOf(region);
  const count = table[0] ?? 0;
  const text = region.toString('latin1', (1 + count) * 4, length);
  let at = table[1] ?? 0;
  // the thread checked it before it wrote it
  const status = text.slice(0, at) as StatusLine;
  const headers: ResponseHeaders = [];
  for (let index = 2; index <= count; index += 2) {
    const middle = at + (table[index] ?? 0);
    const end = middle + (table[index + 1] ?? 0);
    headers.push([text.slice(at, middle), text.slice(middle, end)]);
    at = end;
  }
  return { status, headers };
}

const version: readonly [1, 0] = Object.freeze([1, 0] as const);

function put(table: readonly number[], text: string, region: Buffer): number {
  const length = table.length * 4 + text.length;
  if (length > region.length) return -1;
  tableOf(region).set(table);
  region.write(text, table.length * 4, 'latin1');
  return length;
}

function tableOf(region: Buffer): Int32Array {
  return new Int32Array(region.buffer, region.byteOffset, region.length / 4);
}
