// What a test asks an app to do: the path's second segment is the mode, the query has the rest.
import type { Scope } from '../../../src/async/interface.ts';
import type { Environ } from '../../../src/sync/interface.ts';

export interface Asked {
  readonly mode: string;
  readonly query: URLSearchParams;
  /** The file of the test's report; empty where the test has none. */
  readonly report: string;
}

export function askedOf(from: Environ | Scope<'http' | 'websocket'>): Asked {
  const [path, text] =
    'wsgi.input' in from ? [from.PATH_INFO, from.QUERY_STRING] : [from.path, from.query_string];
  const query = new URLSearchParams(text);
  return { mode: path.split('/')[2] ?? '', query, report: query.get('report') ?? '' };
}

export const json: [string, string][] = [['content-type', 'application/json']];
export const plain: [string, string][] = [['content-type', 'text/plain']];

export function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
