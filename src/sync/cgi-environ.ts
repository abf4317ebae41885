// CGI's variables as the plain part of an environ (RFC 3875 §4.1; PEP 3333, "environ Variables").
import type { ByteString } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import { isToken } from '../http/grammar.ts';
import { serverSoftware } from './environ.ts';
import type { EnvironData } from './interface.ts';

/** A process's environment, one character an octet. */
export type Variables = Readonly<Record<string, ByteString | undefined>>;

/** `HTTP_PROXY` is no variable of ours: a client's `Proxy` header would be taken for one by every HTTP client (httpoxy). */
const dropped = new Set(['HTTP_PROXY', 'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH']);

/** Variables in capitals go to the app, with what the deployer has set. Throws HttpError 400 without a method that can be. */
export function environOfCgi(variables: Variables): EnvironData {
  const method = variables['REQUEST_METHOD'] ?? '';
  if (!isToken(method)) throw new HttpError(400, `REQUEST_METHOD is "${method}": it is a method's name`);
  const secure = /^(?:on|1|yes)$/i.test(variables['HTTPS'] ?? '') || variables['REQUEST_SCHEME'] === 'https';
  const environ: EnvironData = {
    ...passedOn(variables),
    REQUEST_METHOD: method,
    ...placeOf(variables),
    QUERY_STRING: variables['QUERY_STRING'] ?? '',
    SERVER_NAME: variables['SERVER_NAME'] || 'localhost',
    SERVER_PORT: variables['SERVER_PORT'] || (secure ? '443' : '80'),
    SERVER_PROTOCOL: protocolOf(variables['SERVER_PROTOCOL']),
    SERVER_SOFTWARE: variables['SERVER_SOFTWARE'] || serverSoftware,
    'wsgi.version': version,
    'wsgi.url_scheme': secure ? 'https' : 'http',
    'wsgi.multithread': false,
    'wsgi.multiprocess': true,
    'wsgi.run_once': true,
    'wsgi.input_terminated': true,
    'dualgate.request_id': variables['UNIQUE_ID'] || `cgi-${Date.now().toString(36)}-${process.pid}`,
  };
  if (secure) environ.HTTPS = 'on';
  else delete environ.HTTPS; // "off", as some say it
  const target = variables['REQUEST_URI'];
  if (target !== undefined) environ['RAW_URI'] = target;
  // There where there is a body, and then not empty (W-13).
  for (const name of ['CONTENT_TYPE', 'CONTENT_LENGTH'] as const) {
    if (environ[name] === '') delete environ[name];
  }
  return environ;
}

const version: readonly [1, 0] = Object.freeze([1, 0] as const);

function passedOn(variables: Variables): Record<Uppercase<string>, ByteString> {
  const passed: Record<Uppercase<string>, ByteString> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined || dropped.has(name) || !/^[A-Z][A-Z0-9_]*$/.test(name)) continue;
    passed[name as Uppercase<string>] = value; // its form was looked at
  }
  return passed;
}

/** SCRIPT_NAME is never "/", and one of both is not empty (W-05, W-06). */
function placeOf(variables: Variables): Pick<EnvironData, 'SCRIPT_NAME' | 'PATH_INFO'> {
  const given = variables['SCRIPT_NAME'] ?? '';
  const script = given === '/' ? '' : given;
  const path = variables['PATH_INFO'] ?? '';
  return { SCRIPT_NAME: script, PATH_INFO: script === '' && path === '' ? '/' : path };
}

function protocolOf(text: string | undefined): EnvironData['SERVER_PROTOCOL'] {
  if (text === 'HTTP/1.0') return text;
  return text?.startsWith('HTTP/2') ? 'HTTP/2' : 'HTTP/1.1';
}
