// lint() on the environ: what a server, or middleware, gives an app.
import { isByteString } from '../core/bytes.ts';
import { shown, type Verdict } from './lint-verdict.ts';

type Given = Readonly<Record<string, unknown>>;

const required = [
  'REQUEST_METHOD',
  'SERVER_NAME',
  'SERVER_PORT',
  'wsgi.version',
  'wsgi.input',
  'wsgi.errors',
  'wsgi.multithread',
  'wsgi.multiprocess',
  'wsgi.run_once',
];
const methods = new Set('GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT'.split(' '));
const inputMethods = ['read', 'readline', 'readlines', Symbol.iterator];
const errorsMethods = ['write', 'writelines', 'flush'];

/** wsgiref.validate's check_environ, and Rack::Lint on the request's target. False: it is nothing that an app could be called with. */
export function checkEnviron(environ: unknown, verdict: Verdict): environ is Given {
  if (typeof environ !== 'object' || environ === null) {
    verdict.fault('V-06', `The environ is ${shown(environ)}: give a plain object`);
    return false;
  }
  if (Object.getPrototypeOf(environ) !== Object.prototype) {
    verdict.fault('V-06', `The environ is an object of another kind: give a plain one`);
  }
  const given = { ...environ } as Given; // any object is that, for whoever only reads
  checkKeys(given, verdict);
  checkStrings(given, verdict);
  checkStreams(given, verdict);
  checkPlace(given, verdict);
  return true;
}

function checkKeys(environ: Given, verdict: Verdict): void {
  for (const key of required) {
    if (!(key in environ)) verdict.fault('V-07', `The environ has no "${key}"`);
  }
  for (const key of ['HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH']) {
    if (key in environ) verdict.fault('V-08', `The environ has "${key}": it is called "${key.slice(5)}"`);
  }
  if (!('QUERY_STRING' in environ))
    verdict.warn('V-09', 'The environ has no "QUERY_STRING": give an empty one');
  const version = environ['wsgi.version'];
  const numbers = Array.isArray(version) && version.length === 2 && version.every(Number.isInteger);
  if (!numbers) verdict.fault('V-11', `wsgi.version is ${shown(version)}: give [1, 0]`);
  const scheme = environ['wsgi.url_scheme'];
  if (scheme !== 'http' && scheme !== 'https') {
    verdict.fault('V-12', `wsgi.url_scheme is ${shown(scheme)}: it is http or https`);
  }
  const method = environ['REQUEST_METHOD'];
  if (method === '') verdict.fault('W-04', 'REQUEST_METHOD is empty');
  else if (!methods.has(String(method)))
    verdict.warn('V-13', `REQUEST_METHOD is ${shown(method)}, which is not known`);
}

function checkStrings(environ: Given, verdict: Verdict): void {
  for (const [key, value] of Object.entries(environ)) {
    if (key.includes('.')) continue;
    if (typeof value !== 'string')
      verdict.fault('V-10', `"${key}" is ${shown(value)}: give a string, or leave it out`);
    else if (!isByteString(value)) {
      verdict.fault('W-21', `"${key}" is ${shown(value)}: one character an octet, so nothing beyond U+00FF`);
    }
  }
  for (const key of ['SERVER_NAME', 'SERVER_PORT']) {
    if (environ[key] === '') verdict.fault('W-10', `"${key}" is empty`);
  }
  const length = environ['CONTENT_LENGTH'];
  if (length !== undefined && length !== '' && !/^\d+$/.test(String(length))) {
    verdict.fault('V-17', `CONTENT_LENGTH is ${shown(length)}: it is a number of bytes`);
  }
}

function checkStreams(environ: Given, verdict: Verdict): void {
  for (const name of inputMethods) {
    if (!can(environ['wsgi.input'], name)) verdict.fault('W-30', `wsgi.input has no method ${String(name)}`);
  }
  for (const name of errorsMethods) {
    if (!can(environ['wsgi.errors'], name)) verdict.fault('W-31', `wsgi.errors has no method ${name}`);
  }
  for (const key of ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once']) {
    if (key in environ && typeof environ[key] !== 'boolean') {
      verdict.fault('W-16', `"${key}" is ${shown(environ[key])}: it is true or false`);
    }
  }
}

function can(stream: unknown, name: string | symbol): boolean {
  return typeof stream === 'object' && stream !== null && typeof Reflect.get(stream, name) === 'function';
}

/** SCRIPT_NAME and PATH_INFO, by the form of the request's target (RFC 9112 §3.2). */
function checkPlace(environ: Given, verdict: Verdict): void {
  const { SCRIPT_NAME: script = '', PATH_INFO: path = '', REQUEST_METHOD: method } = environ;
  if (script === '' && path === '') verdict.fault('V-15', 'SCRIPT_NAME and PATH_INFO are both empty');
  if (script === '/') verdict.fault('V-16', 'SCRIPT_NAME is "/": that slash belongs to PATH_INFO');
  else if (script !== '' && !beginsWithSlash(script)) {
    verdict.fault('V-14', `SCRIPT_NAME is ${shown(script)}: it begins with "/"`);
  } else if (String(script).endsWith('/')) {
    verdict.fault('W-05', `SCRIPT_NAME is ${shown(script)}: its last slash belongs to PATH_INFO`);
  }
  if (path === '' || beginsWithSlash(path)) return;
  const text = String(path);
  if (text === '*') {
    if (method !== 'OPTIONS')
      verdict.fault('V-41', `PATH_INFO is "*" for ${shown(method)}: that is for OPTIONS only`);
  } else if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    verdict.fault('V-40', `PATH_INFO is ${shown(path)}: give its path alone`);
  } else if (/^[^/]+:\d+$/.test(text)) {
    if (method !== 'CONNECT')
      verdict.fault('V-42', `PATH_INFO is ${shown(path)} for ${shown(method)}: that is for CONNECT only`);
  } else verdict.fault('V-14', `PATH_INFO is ${shown(path)}: it begins with "/"`);
}

function beginsWithSlash(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('/');
}
