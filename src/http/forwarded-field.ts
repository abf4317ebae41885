// A line of the Forwarded field, taken apart to its elements (RFC 7239 §4).
import type { ByteString } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';

/** One hop: parameters by their names in lower case, values without quotes. Never empty. */
export type ForwardedElement = ReadonlyMap<string, string>;

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"((?:[^"\\\\]|\\\\.)*)"';
const pair = new RegExp(`(${token})=(?:(${token})|${quoted})`, 'y');
const delimiter = /;|[ \t]*(?:,[ \t]*|$)/y;

/**
 * Strict: no blanks around `;` or `=`, quotes around whatever is no token (an IPv6 address, a port), each parameter once
 * an element. Empty elements are left out (RFC 9110 §5.6.1). Throws HttpError 400.
 */
export function parseForwarded(line: ByteString): ForwardedElement[] {
  const elements: ForwardedElement[] = [];
  let element = new Map<string, string>();
  for (let at = 0; ; ) {
    pair.lastIndex = at;
    const [whole = '', name = '', plain, text = ''] = pair.exec(line) ?? [];
    const key = name.toLowerCase();
    if (element.has(key)) throw broken(`an element has more than one "${key}"`);
    if (whole !== '') element.set(key, plain ?? text.replace(/\\(.)/g, '$1'));
    at += whole.length;
    delimiter.lastIndex = at;
    const [between] = delimiter.exec(line) ?? [];
    if (between === undefined) throw broken('it is not name=value pairs with ";" and "," between them');
    at += between.length;
    if (between === ';') continue;
    if (element.size > 0) elements.push(element);
    element = new Map();
    if (at >= line.length) return elements;
  }
}

function broken(why: string): HttpError {
  return new HttpError(400, `Cannot read Forwarded of a trusted proxy: ${why}`);
}
