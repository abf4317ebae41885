// An exchange as the plain part of an environ: the request's head in CGI's words.
import { type ByteString, type HeaderList, percentDecode } from '../core/bytes.ts';
import type { Exchange } from '../http/exchange.ts';
import type { EnvironData } from './interface.ts';

export const serverSoftware = 'dualgate/0.1.0';

export interface EnvironOptions {
  /** Do other processes serve the same app? (wsgi.multiprocess) */
  readonly multiprocess?: boolean;
  /** Are headers with "_" in their names taken, where the engine lets them through? No by default. */
  readonly underscores?: boolean;
}

/**
 * Fresh for each request. What only an executor knows is filled in by it: wsgi.input, wsgi.errors, wsgi.multithread,
 * dualgate.lane. A unix socket has no host and no port, and CGI wants both: they are `localhost` and the scheme's own.
 */
export function environOf(exchange: Exchange, options: EnvironOptions = {}): EnvironData {
  const { head, secure, client, server } = exchange;
  const environ: EnvironData = {
    REQUEST_METHOD: head.method,
    SCRIPT_NAME: '',
    PATH_INFO: percentDecode(head.path),
    QUERY_STRING: head.query,
    RAW_URI: head.target,
    SERVER_NAME: 'localhost',
    SERVER_PORT: secure ? '443' : '80',
    SERVER_PROTOCOL: head.version === '2' ? 'HTTP/2' : `HTTP/${head.version}`,
    SERVER_SOFTWARE: serverSoftware,
    'wsgi.version': version,
    'wsgi.url_scheme': secure ? 'https' : 'http',
    'wsgi.multithread': false,
    'wsgi.multiprocess': options.multiprocess ?? false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'dualgate.request_id': exchange.id,
  };
  if (server && typeof server[1] === 'number') {
    // RFC 3875 §4.1.14: an IPv6 address stands in brackets
    environ.SERVER_NAME = server[0].includes(':') ? `[${server[0]}]` : server[0];
    environ.SERVER_PORT = String(server[1]);
  }
  if (client) {
    environ.REMOTE_ADDR = client[0];
    if (client[1] > 0) environ.REMOTE_PORT = String(client[1]); // 0: a proxy named the client without its port
  }
  if (secure) environ.HTTPS = 'on';
  addHeaders(environ, head.headers, options.underscores ?? false);
  return environ;
}

const version: readonly [1, 0] = Object.freeze([1, 0] as const);

function addHeaders(environ: EnvironData, headers: HeaderList, underscores: boolean): void {
  for (const [name, value] of headers) {
    // "X_Forwarded_For" would become the same variable as "X-Forwarded-For", so it is dropped unless it was asked for (W-23)
    if (!underscores && name.includes('_')) continue;
    const key = variableOf(name);
    const before = environ[key];
    if (before === undefined) environ[key] = value;
    else environ[key] = `${before}${key === 'HTTP_COOKIE' ? '; ' : ','}${value}`;
  }
}

const variables = new Map<string, Uppercase<string>>([
  ['content-type', 'CONTENT_TYPE'],
  ['content-length', 'CONTENT_LENGTH'],
]);
const maxVariables = 1024;

/** `accept-language` to `HTTP_ACCEPT_LANGUAGE`, remembered. */
function variableOf(name: ByteString): Uppercase<string> {
  const known = variables.get(name);
  if (known !== undefined) return known;
  // a token in capitals
  const variable = `HTTP_${name.toUpperCase().replaceAll('-', '_')}` as Uppercase<string>;
  if (variables.size < maxVariables) variables.set(name, variable);
  return variable;
}
