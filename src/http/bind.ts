// Where to listen: 'host:port' and 'unix:/path' to an address, and an address to a URL.
import { GatewayError } from '../core/errors.ts';
import type { Bound } from './exchange.ts';

export type Bind =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Reads `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000`, `:8000` and `8000` (127.0.0.1), `127.0.0.1` (8000), `unix:/path`. */
export function parseBind(text: string): Bind {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (path === '') throw refused(text, 'a unix socket needs a path, as in unix:/run/app.sock');
    return { kind: 'unix', path };
  }
  const match =
    /^(?:\[(?<six>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9.-]*[A-Za-z.][A-Za-z0-9.-]*|\d+\.\d+\.\d+\.\d+))?(?::?(?<port>\d+))?$/.exec(
      text,
    );
  const { six, host, port } = match?.groups ?? {};
  if (!match || (six === undefined && host === undefined && port === undefined)) {
    throw refused(text, 'write host:port, [ipv6]:port, :port or unix:/path');
  }
  if ((six !== undefined || host !== undefined) && port !== undefined && !text.endsWith(`:${port}`)) {
    throw refused(text, 'a colon stands between host and port');
  }
  const number = port === undefined ? 8000 : Number(port);
  if (number > 65_535) throw refused(text, 'a port is at most 65535');
  return { kind: 'tcp', host: six ?? host ?? '127.0.0.1', port: number };
}

/** Could parseBind() read it? */
export function isBind(text: string): boolean {
  try {
    parseBind(text);
    return true;
  } catch {
    return false;
  }
}

/** `http://127.0.0.1:8000`, `http://[::1]:8000`, `unix:/path`. */
export function urlOf(bound: Bound, secure = false): string {
  const [host, port] = bound;
  if (port === null) return `unix:${host}`;
  return `http${secure ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function refused(text: string, why: string): GatewayError {
  return new GatewayError('USAGE', `Cannot bind to "${text}": ${why}`);
}
