// The points in which our engine and node's own are meant to differ, each with a name, a reason and a check.
import { isHost, listOf } from '../../src/http/grammar.ts';
import { defaultLimits } from '../../src/http/limits.ts';
import { knownMethods } from './nodes.ts';
import type { Message } from './outcome.ts';

/** A message that one of the two accepts and the other does not. */
export interface Dispute {
  /** What the one that accepts it made of it. */
  readonly message: Message;
  /** Its bytes, from its first on: one code unit an octet. */
  readonly raw: string;
  /** What it is refused with. */
  readonly status: number;
  readonly why: string;
}

export interface Point {
  readonly name: string;
  readonly why: string;
  holds(dispute: Dispute): boolean;
}

/** Ours accepts what node refuses. */
export const laxer: readonly Point[] = [
  {
    name: 'extension-method',
    why: 'RFC 9110 §9.1: any token is a method; node knows a list of them',
    holds: ({ message, why }) =>
      /^HPE_INVALID_(METHOD|CONSTANT|VERSION)$/.test(why) && !knownMethods.has(message.method),
  },
];

/** Ours refuses what node accepts, or still waits for. */
export const stricter: readonly Point[] = [
  {
    name: 'pri',
    why: 'RFC 9113 §3.4: PRI is no method; node waits for the rest of HTTP/2’s preface, whatever the version',
    holds: ({ raw }) => /^(?:\r\n)?PRI /.test(raw),
  },
  {
    name: 'empty-lines',
    why: 'RFC 9112 §2.2: one empty line before a request is forgiven, and it is CRLF',
    holds: ({ raw }) => /^(?:\r\n\r\n|\r\n\r|\r\n\n|\n|\r(?!\n))/.test(raw),
  },
  {
    name: 'request-line-blanks',
    why: 'RFC 9112 §3: single spaces, and nothing behind the version',
    holds: ({ raw }) => !/^(?:\r\n)?[^ \r\n]+ [^ \r\n]+ [^ \r\n]+\r/.test(raw),
  },
  {
    name: 'version',
    why: 'RFC 9110 §15.6.6: HTTP/1.1 and HTTP/1.0 are spoken; node takes 0.9 and 2.0 in this form too',
    holds: ({ message, status }) => status === 505 && !/^1\.[01]$/.test(message.version),
  },
  {
    name: 'protocol',
    why: 'RFC 9112 §2.3: HTTP is spoken; node takes some methods of RTSP and ICE too',
    holds: ({ raw }) => !/^(?:\r\n)?[^\r\n]* HTTP\/\d\.\d\r\n/.test(raw),
  },
  {
    name: 'target-octets',
    why: 'RFC 9112 §3.2: visible ASCII, and no fragment',
    holds: ({ message }) => /[^\x21-\x7e]|#/.test(message.target),
  },
  {
    name: 'target-form',
    why: 'RFC 9112 §3.2: a path, an http URL with a host, or * for OPTIONS',
    holds: ({ message: { method, target } }) => !isTarget(method, target),
  },
  {
    name: 'target-other-host',
    why: 'RFC 9112 §3.2.2: one request that names two hosts is routed by the one or by the other',
    holds: ({ message }) => {
      const authority = authorityOf(message.target);
      const [host] = valuesOf(message, 'host');
      return authority !== '' && host !== undefined && authority.toLowerCase() !== host.toLowerCase();
    },
  },
  {
    name: 'two-hosts',
    why: 'RFC 9112 §3.2: 400 for more than one Host',
    holds: ({ message, status }) => status === 400 && valuesOf(message, 'host').length > 1,
  },
  {
    name: 'no-host-value',
    why: 'RFC 9112 §3.2: 400 for a Host that is not one',
    holds: ({ message, status }) => status === 400 && valuesOf(message, 'host').some((host) => !isHost(host)),
  },
  {
    name: 'coding-on-1.0',
    why: 'RFC 9112 §6.1: HTTP/1.0 has no Transfer-Encoding; treat it as faulty',
    holds: ({ message }) => message.version === '1.0' && valuesOf(message, 'transfer-encoding').length > 0,
  },
  {
    name: 'other-coding',
    why: 'RFC 9112 §6.1: 501 for a coding that is not understood; one "chunked" is',
    holds: ({ message }) => {
      const codings = valuesOf(message, 'transfer-encoding');
      return codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== 'chunked');
    },
  },
  {
    name: 'tab-behind-framing',
    why: 'RFC 9112 §11.2: parsers disagree whether a tab behind it belongs to the value: node 20 refuses it, newer ones do not',
    holds: ({ raw }) => /^(content-length|transfer-encoding):.*\t\s*$/im.test(headOf(raw)),
  },
  {
    name: 'length-digits',
    why: 'a Content-Length of more than 15 digits is no length that a number here holds exactly',
    holds: ({ message }) => valuesOf(message, 'content-length').some((length) => length.length > 15),
  },
  {
    name: 'body-size',
    why: 'maxBody: 413',
    holds: ({ message, raw, status }) => status === 413 && largest(message, raw) > defaultLimits.maxBody,
  },
  {
    name: 'head-size',
    why: 'maxHead: 431 or 414; node counts names and values only',
    holds: ({ raw, status }) =>
      (status === 431 || status === 414) && (headOf(raw).length > defaultLimits.maxHead || longTarget(raw)),
  },
  {
    name: 'field-count',
    why: 'maxHeaders: 431; node takes 2000',
    holds: ({ raw, status }) =>
      status === 431 && headOf(raw).split('\n').length > defaultLimits.maxHeaders + 1,
  },
  {
    name: 'field-octets',
    why: 'RFC 9110 §5.5: no DEL in a value',
    holds: ({ raw }) => raw.includes('\x7f'),
  },
  {
    name: 'expectation',
    why: 'RFC 9110 §15.5.18: 417 for all but 100-continue; node looks for that word anywhere',
    holds: ({ message, status }) =>
      status === 417 && valuesOf(message, 'expect').join(',').toLowerCase() !== '100-continue',
  },
  {
    name: 'chunk-digits',
    why: 'a chunk size of more than 12 digits overflows sooner or later, zeros or not',
    holds: ({ message, raw }) => chunked(message) && /(?:^|\n)[0-9a-f]{13}/i.test(raw),
  },
  {
    name: 'chunk-extension',
    why: 'RFC 9112 §7.1.1: each has a name, and a token or a quoted string where it has a value',
    holds: ({ message, raw }) => chunked(message) && raw.split('\n').some(oddExtension),
  },
  {
    name: 'chunk-extension-size',
    why: 'maxExtensions for a body; node counts each by itself',
    holds: ({ message, raw }) => chunked(message) && extensionBytes(raw) > defaultLimits.maxExtensions,
  },
  {
    name: 'trailer-name',
    why: 'RFC 9110 §6.5.1: fields of framing, routing and credentials have no place behind the body',
    holds: ({ message, why }) => chunked(message) && /"[^"]+" may not be a trailer/.test(why),
  },
  {
    name: 'trailer-size',
    why: 'maxTrailers, maxHeaders: 431',
    holds: ({ message, raw, status }) => {
      const trailers = raw.slice(raw.search(/\n0+(;[^\n]*)?\r\n/) + 1);
      const many = trailers.split('\n').length > defaultLimits.maxHeaders;
      return chunked(message) && status === 431 && (many || trailers.length > defaultLimits.maxTrailers);
    },
  },
];

/** Both accept a message; ours closes the connection behind it. */
export const closes: readonly Point[] = [
  {
    name: 'close-and-keep-alive',
    why: 'RFC 9112 §9.3: close wins; node keeps an HTTP/1.0 connection that asks for both',
    holds: ({ message }) => message.version === '1.0' && options(message).includes('close'),
  },
  {
    name: 'close-beside-tab',
    why: 'RFC 9110 §5.6.3: a tab is a blank as well; node does not know "close" with one behind it',
    holds: ({ raw }) => /^connection:.*close[ ]*\t/im.test(headOf(raw)),
  },
  {
    name: 'proxy-connection',
    why: 'RFC 9112 §C.2.2: Proxy-Connection is no field of HTTP; node takes it for Connection',
    holds: ({ message }) => valuesOf(message, 'proxy-connection').length > 0,
  },
];

/** Both accept a message; ours keeps the connection behind it. */
export const keeps: readonly Point[] = [
  {
    name: 'keep-alive-beside-tab',
    why: 'RFC 9110 §5.6.3: a tab is a blank as well; node does not know "keep-alive" with one behind it',
    holds: ({ message, raw }) =>
      message.version === '1.0' && /^connection:.*keep-alive[ ]*\t/im.test(headOf(raw)),
  },
  {
    name: 'proxy-connection',
    why: 'RFC 9112 §C.2.2: Proxy-Connection is no field of HTTP; node takes it for Connection',
    holds: ({ message }) => valuesOf(message, 'proxy-connection').length > 0,
  },
];

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[^"\\\\]|\\\\.)*"';
const extended = new RegExp(`^[0-9a-f]+(?:;${token}(?:=(?:${token}|${quoted}))?)*\\r$`, 'i');

function oddExtension(line: string): boolean {
  return /^[0-9a-f]+;/i.test(line) && !extended.test(line);
}

/** The length that is declared, or that of the largest chunk. */
function largest(message: Message, raw: string): number {
  const chunks = [...raw.matchAll(/^([0-9a-f]+)[;\r]/gim)].map(([, digits]) =>
    Number.parseInt(digits ?? '', 16),
  );
  return Math.max(...valuesOf(message, 'content-length').map(Number), ...(chunked(message) ? chunks : []));
}

/** Octets between each ";" and the end of its line, as the parser counts them. */
function extensionBytes(raw: string): number {
  return [...raw.matchAll(/^[0-9a-f]+;([^\n]*)/gim)].reduce((sum, [, text]) => sum + (text?.length ?? 0), 0);
}

function isTarget(method: string, target: string): boolean {
  if (target.startsWith('/')) return true;
  if (target === '*') return method === 'OPTIONS';
  const authority = /^https?:\/\/([^/?]+)/i.exec(target)?.[1] ?? ':';
  return !authority.startsWith(':') && isHost(authority);
}

function authorityOf(target: string): string {
  return /^https?:\/\/([^/?]+)/i.exec(target)?.[1] ?? '';
}

function valuesOf({ headers }: Message, name: string): string[] {
  return headers.filter(([each]) => each === name).map(([, value]) => value);
}

function options(message: Message): string[] {
  return listOf(valuesOf(message, 'connection').join(','));
}

function chunked(message: Message): boolean {
  return valuesOf(message, 'transfer-encoding').length > 0;
}

function headOf(raw: string): string {
  const end = raw.indexOf('\r\n\r\n', 2);
  return end < 0 ? raw : raw.slice(0, end + 4);
}

function longTarget(raw: string): boolean {
  return (/^(?:\r\n)?[^ \r\n]+ ([^ \r\n]*)/.exec(raw)?.[1]?.length ?? 0) > defaultLimits.maxTarget;
}
