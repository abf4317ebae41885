// What the deployer says of an app: the path that it is mounted at, and variables of his own for its environ.
import { type ByteString, utf8ToByteString } from '../core/bytes.ts';
import { GatewayError } from '../core/errors.ts';
import { isOurs } from './environ-keys.ts';
import type { EnvironData } from './interface.ts';

export interface DeploymentOptions {
  /** Variables for every environ: names in capitals (`SITE`) or with a dot (`shop.currency`); text, which is given as its UTF-8 octets. */
  readonly environ?: Readonly<Record<string, string>>;
  /** The path that the app is mounted at, such as `/api`: SCRIPT_NAME. A request's path may begin with it, or a proxy has cut it off. */
  readonly mount?: string;
}

/** Made once, when the server is. */
export interface Deployment {
  readonly pairs: Readonly<Record<string, ByteString>>;
  /** Empty at the root; else it begins with a slash and does not end with one. */
  readonly mount: ByteString;
}

/** null where nothing was said. Throws GatewayError USAGE for a variable of the server's, and a mount that is no path. */
export function deploymentOf({ environ = {}, mount = '' }: DeploymentOptions): Deployment | null {
  const pairs: Record<string, ByteString> = {};
  for (const [key, value] of Object.entries(environ)) {
    const fault = pairFault(key, value);
    if (fault !== null) throw new GatewayError('USAGE', `Cannot take environ "${key}": ${fault}`);
    pairs[key] = utf8ToByteString(value);
  }
  const path = utf8ToByteString(mount).replace(/\/+$/, '');
  if (path !== '' && !/^\/[^?#\0]*$/.test(path)) {
    throw new GatewayError('USAGE', `Cannot take mount "${mount}": it is a path, such as "/api"`);
  }
  if (path === '' && Object.keys(pairs).length === 0) return null;
  return { pairs: Object.freeze(pairs), mount: path };
}

/** Why the deployer cannot give that; null where he can. */
export function pairFault(key: string, value: unknown): string | null {
  if (!/^[A-Z][A-Z0-9_]*$/.test(key) && !/^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$/.test(key)) {
    return 'a variable is in capitals, such as SITE_NAME, or has a dot, such as shop.currency';
  }
  if (isOurs(key)) return 'that is for the server to say; give it another name';
  if (typeof value !== 'string') return 'its value is a text';
  return value.includes('\0') ? 'its value has a NUL in it' : null;
}

export function deploy(environ: EnvironData, { pairs, mount }: Deployment): void {
  Object.assign(environ, pairs);
  if (mount !== '') [environ.SCRIPT_NAME, environ.PATH_INFO] = splitPath(mount, environ.PATH_INFO);
}

/**
 * SCRIPT_NAME and PATH_INFO, where `mount` is the app's prefix. A path without it is what a proxy has left, and all of it
 * is PATH_INFO. Neither is ever "/" and empty at the wrong place (W-05, W-06).
 */
export function splitPath(mount: string, path: string): [script: string, rest: string] {
  const script = mount.replace(/\/+$/, '');
  if (path === '*') return ['', path]; // it is about the whole server
  if (script !== '' && (path === script || path.startsWith(`${script}/`))) {
    return [script, path.slice(script.length)];
  }
  return [script, path];
}
