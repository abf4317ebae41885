// The URL of a request, built again from its environ (PEP 3333, "URL Reconstruction").
import type { ByteString } from '../core/bytes.ts';
import type { EnvironData } from './interface.ts';

type Needed = Pick<EnvironData, 'wsgi.url_scheme' | 'SERVER_NAME' | 'SERVER_PORT'> &
  Partial<Pick<EnvironData, 'SCRIPT_NAME' | 'PATH_INFO' | 'QUERY_STRING'>> & {
    readonly HTTP_HOST?: ByteString | undefined;
  };

/**
 * The whole URL; `query: false` leaves the query out. The host is what the client says it is (HTTP_HOST): an app that
 * puts it into links or mails has to know which hosts are its own.
 */
export function requestUri(environ: Needed, { query = true }: { readonly query?: boolean } = {}): string {
  const { SCRIPT_NAME = '', PATH_INFO = '', QUERY_STRING = '' } = environ;
  const path = quoted(SCRIPT_NAME) + (PATH_INFO === '*' ? '' : quoted(PATH_INFO));
  const rest = query && QUERY_STRING !== '' ? `?${QUERY_STRING}` : '';
  return `${originOf(environ)}${path || '/'}${rest}`;
}

/** The URL that the app is mounted at: without PATH_INFO and query. */
export function applicationUri(environ: Needed): string {
  return originOf(environ) + (quoted(environ.SCRIPT_NAME ?? '') || '/');
}

function originOf({ 'wsgi.url_scheme': scheme, HTTP_HOST: host, SERVER_NAME, SERVER_PORT }: Needed): string {
  if (host) return `${scheme}://${host}`;
  const usual = SERVER_PORT === (scheme === 'https' ? '443' : '80');
  return `${scheme}://${SERVER_NAME}${usual ? '' : `:${SERVER_PORT}`}`;
}

/** Each octet that may not stand in a path (RFC 3986 §3.3) as `%XX`. */
function quoted(octets: ByteString): string {
  return octets.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g, (octet) => {
    return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
