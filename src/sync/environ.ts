// An exchange as the plain part of an environ: the request's head in CGI's words.
import { type ByteString, type HeaderList, percentDecode } from '../core/bytes.ts';
import type { Exchange } from '../http/exchange.ts';
import { commonNames } from '../http/field-name.ts';
import type { Fields } from '../http/fields.ts';
import { type Deployment, deploy } from './deployment.ts';
import type { EnvironData } from './interface.ts';
import { addTls } from './tls-environ.ts';

export const serverSoftware = 'dualgate/0.1.0';

export interface EnvironOptions {
  /** Do other processes serve the same app? (wsgi.multiprocess) */
  readonly multiprocess?: boolean;
  /** Are headers with "_" in their names taken, where the engine lets them through? No by default. */
  readonly underscores?: boolean;
  /** What the deployer adds. */
  readonly deployment?: Deployment | null;
}

/** What of an exchange is in its environ. */
export type Request = Pick<Exchange, 'id' | 'head' | 'secure' | 'client' | 'server' | 'tls'>;

/**
 * Fresh for each request. What only an executor knows is filled in by it: wsgi.input, wsgi.errors, wsgi.multithread,
 * dualgate.lane. A unix socket has no host and no port, and CGI wants both: they are `localhost` and the scheme's own.
 */
export function environOf(exchange: Request, options: EnvironOptions = {}): EnvironData {
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
    // Filled by the executor; here already, so that an object of this shape has room for them (0.1 µs).
    'wsgi.input': null,
    'wsgi.errors': null,
    'wsgi.file_wrapper': null,
    'dualgate.lane': null,
    'dualgate.client_disconnected': null,
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
  if (secure && exchange.tls) addTls(environ, exchange.tls);
  if (head.fields) addFields(environ, head.fields, options.underscores ?? false);
  else addHeaders(environ, head.headers, options.underscores ?? false);
  if (options.deployment) deploy(environ, options.deployment);
  return environ;
}

const version: readonly [1, 0] = Object.freeze([1, 0] as const);

function addHeaders(environ: EnvironData, headers: HeaderList, underscores: boolean): void {
  for (const [name, value] of headers) {
    if (taken(name, underscores)) addHeader(environ, variableOf(name), value);
  }
}

/** The same of a head that was parsed: no list is made of it (twelve headers: 0.5 µs). */
function addFields(environ: EnvironData, fields: Fields, underscores: boolean): void {
  if (fields.plain) return addPlain(environ, fields);
  for (let index = 0; index < fields.count; index += 1) {
    const name = fields.names[index];
    if (!name || (name.underscored && !underscores)) continue;
    addHeader(environ, commonVariables[name.number] ?? variableOf(name.text), fields.value(index));
  }
}

/** Nothing is repeated, so nothing has to be looked up before (twelve headers: 0.2 µs). */
function addPlain(environ: EnvironData, fields: Fields): void {
  const { names } = fields;
  for (let index = 0; index < names.length; index += 1) {
    const key = commonVariables[names[index]?.number ?? -1];
    if (key !== undefined) environ[key] = fields.value(index);
  }
}

/** Repeats are joined (W-12). */
export function addHeader(environ: EnvironData, key: Uppercase<string>, value: ByteString): void {
  const before = environ[key];
  if (before === undefined) environ[key] = value;
  else environ[key] = `${before}${key === 'HTTP_COOKIE' ? '; ' : ','}${value}`;
}

/** "X_Forwarded_For" would become the same variable as "X-Forwarded-For", so it is dropped unless it was asked for (W-23). */
function taken(name: ByteString, underscores: boolean): boolean {
  return underscores || !name.includes('_');
}

const variables = new Map<string, Uppercase<string>>([
  ['content-type', 'CONTENT_TYPE'],
  ['content-length', 'CONTENT_LENGTH'],
]);
const maxVariables = 1024;

/** `accept-language` to `HTTP_ACCEPT_LANGUAGE`, remembered. */
export function variableOf(name: ByteString): Uppercase<string> {
  const known = variables.get(name);
  if (known !== undefined) return known;
  // a token in capitals
  const variable = `HTTP_${name.toUpperCase().replaceAll('-', '_')}` as Uppercase<string>;
  if (variables.size < maxVariables) variables.set(name, variable);
  return variable;
}

/** By the numbers of the names. */
export const commonVariables: readonly Uppercase<string>[] = commonNames.map(variableOf);
