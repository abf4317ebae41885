// Environ to scope: what an async app sees of a request that came by the sync contract (ASGI, "WSGI Compatibility").
import type { Address, HttpScope } from '../async/interface.ts';
import { byteStringToUtf8, type Header } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import type { EnvironData } from '../sync/interface.ts';

/** What of a scope is plain data and comes from the environ; the loop thread adds asgi, state and extensions. */
export type ScopeData = Omit<HttpScope, 'asgi' | 'state' | 'extensions'>;

/**
 * Octets turn to text where a scope has text (A-93): path, which includes SCRIPT_NAME (A-26), and root_path.
 * Headers come back in lower case, with "-" for "_"; repeats stay joined.
 * Throws HttpError 400 where the path is not UTF-8 (A-23).
 */
export function scopeFromEnviron(environ: EnvironData): ScopeData {
  const { SCRIPT_NAME, PATH_INFO } = environ;
  return {
    type: 'http',
    http_version: versionOf(environ.SERVER_PROTOCOL),
    method: environ.REQUEST_METHOD.toUpperCase(),
    scheme: environ['wsgi.url_scheme'] === 'https' ? 'https' : 'http',
    path: decoded(SCRIPT_NAME + PATH_INFO),
    raw_path: rawPath(environ),
    query_string: environ.QUERY_STRING ?? '',
    root_path: decoded(SCRIPT_NAME),
    headers: headersOf(environ),
    client: clientOf(environ),
    server: [environ.SERVER_NAME.replace(/^\[(.*)\]$/, '$1'), portOf(environ.SERVER_PORT)],
  };
}

function versionOf(protocol: string): HttpScope['http_version'] {
  if (protocol === 'HTTP/1.0') return '1.0';
  return protocol.startsWith('HTTP/2') ? '2' : '1.1';
}

function decoded(octets: string): string {
  const text = byteStringToUtf8(octets);
  if (text === undefined) throw new HttpError(400, 'Cannot decode the path: it is not UTF-8');
  return text;
}

/** The octets as they were sent, where the server says so (RAW_URI); else encoded anew, where "%2F" is lost. */
function rawPath({ RAW_URI, SCRIPT_NAME, PATH_INFO }: EnvironData): string {
  if (RAW_URI?.startsWith('/')) return RAW_URI.replace(/[?#].*$/s, '');
  return (SCRIPT_NAME + PATH_INFO).replace(
    /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g, // RFC 3986 §3.3: what a path may hold as it is
    (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function headersOf(environ: EnvironData): Header[] {
  const headers: Header[] = [];
  for (const key in environ) {
    const field = fieldOf(key);
    // A key without a dot holds text (W-13).
    if (field !== undefined) headers.push([field, environ[key as Uppercase<string>] ?? '']);
  }
  return headers;
}

/** The header's name that a variable stands for. */
function fieldOf(key: string): string | undefined {
  if (key === 'HTTP_CONTENT_TYPE' || key === 'HTTP_CONTENT_LENGTH') return undefined; // "content_length", let through
  if (key.startsWith('HTTP_')) return key.slice(5).toLowerCase().replaceAll('_', '-');
  if (key === 'CONTENT_TYPE') return 'content-type';
  return key === 'CONTENT_LENGTH' ? 'content-length' : undefined;
}

function clientOf({ REMOTE_ADDR, REMOTE_PORT }: EnvironData): Address | null {
  return REMOTE_ADDR === undefined ? null : [REMOTE_ADDR, portOf(REMOTE_PORT)];
}

function portOf(text: string | undefined): number {
  return Number(text) || 0;
}
