// Scope to environ: what a sync app sees of a request that came by the async contract (ASGI, "WSGI Compatibility").
import type { HttpScope } from '../async/interface.ts';
import { type HeaderList, utf8ToByteString } from '../core/bytes.ts';
import { splitPath } from '../sync/deployment.ts';
import { serverSoftware } from '../sync/environ.ts';
import type { EnvironData } from '../sync/interface.ts';

/**
 * The environ's plain data: fresh, complete but for what an executor adds (wsgi.input, wsgi.errors, wsgi.multithread,
 * dualgate.lane). Paths turn from text to their UTF-8 octets; raw_path lives on in RAW_URI. State has no place
 * in an environ. `underscores`: headers with "_" in their names are taken too (W-23).
 */
export function environFromScope(scope: HttpScope, underscores = false): EnvironData {
  // A scope's path includes its root_path
  const [SCRIPT_NAME, PATH_INFO] = splitPath(scope.root_path, scope.path);
  const { raw_path, query_string } = scope;
  const environ: EnvironData = {
    REQUEST_METHOD: scope.method,
    SCRIPT_NAME: utf8ToByteString(SCRIPT_NAME),
    PATH_INFO: utf8ToByteString(PATH_INFO),
    QUERY_STRING: query_string,
    RAW_URI: query_string ? `${raw_path}?${query_string}` : raw_path,
    ...serverNames(scope),
    SERVER_PROTOCOL: `HTTP/${scope.http_version}`,
    SERVER_SOFTWARE: serverSoftware,
    'wsgi.version': version,
    'wsgi.url_scheme': scope.scheme,
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
  };
  if (scope.client) {
    environ.REMOTE_ADDR = scope.client[0];
    if (scope.client[1] > 0) environ.REMOTE_PORT = String(scope.client[1]); // 0: nobody has said it
  }
  if (scope.scheme === 'https') environ.HTTPS = 'on';
  addHeaders(environ, scope.headers, underscores);
  return environ;
}

const version: readonly [1, 0] = Object.freeze([1, 0] as const);

/** Both are strings, and never empty, on a unix socket too: localhost, and the scheme's own port (W-10). */
function serverNames({ server, scheme }: HttpScope): { SERVER_NAME: string; SERVER_PORT: string } {
  if (!server || server[1] === null) {
    return { SERVER_NAME: 'localhost', SERVER_PORT: scheme === 'https' ? '443' : '80' };
  }
  const [host, port] = server;
  // RFC 3875 §4.1.14: an IPv6 address stands in brackets
  return { SERVER_NAME: host.includes(':') ? `[${host}]` : host, SERVER_PORT: String(port) };
}

/** Each header as a variable, repeats joined (W-12): a body's type and length without HTTP_ (W-09). */
function addHeaders(environ: EnvironData, headers: HeaderList, underscores: boolean): void {
  for (const [name, value] of headers) {
    // "x_forwarded_for" would become the same variable as "x-forwarded-for" (W-23)
    if (!underscores && name.includes('_')) continue;
    const key = variable(name);
    const before = environ[key];
    if (before === undefined) environ[key] = value;
    else environ[key] = `${before}${key === 'HTTP_COOKIE' ? '; ' : ','}${value}`;
  }
}

function variable(name: string): Uppercase<string> {
  const upper = name.toUpperCase().replaceAll('-', '_');
  const key = name === 'content-type' || name === 'content-length' ? upper : `HTTP_${upper}`;
  // What was put in upper case is in upper case.
  return key as Uppercase<string>;
}
