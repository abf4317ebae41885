// The head of a request and of a response, as both wings see them.
import type { ByteString, HeaderList } from '../core/bytes.ts';
import { Fields } from './fields.ts';

export type Version = '1.0' | '1.1' | '2';

export interface RequestHead {
  /** A token, as it was sent: methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** As it was sent: origin form, absolute form, or `*`. */
  readonly target: ByteString;
  /** The target's path, still percent-encoded; `*` for `OPTIONS *`; never empty. */
  readonly path: ByteString;
  /** What follows the `?`, still encoded; empty where there is none. */
  readonly query: ByteString;
  readonly version: Version;
  /** In the order of arrival, names in lower case. */
  readonly headers: HeaderList;
  /** The same as they lie in the head's text, where they have not been changed since. */
  readonly fields?: Fields | null;
  /** All values of a field in one: cookies joined by `; `, others by `, ` (RFC 9110 §5.3). */
  get(name: string): ByteString | undefined;
  all(name: string): ByteString[];
  has(name: string): boolean;
}

export interface ResponseHead {
  readonly status: number;
  /** The registered reason when it is left out. */
  readonly reason?: ByteString | undefined;
  readonly headers: HeaderList;
}

/** A head that came over the wire. */
export class ParsedHead implements RequestHead {
  readonly method: string;
  readonly target: ByteString;
  readonly path: ByteString;
  readonly query: ByteString;
  readonly version: Version;
  /** As they were parsed; null where the head was put together of a list. */
  readonly fields: Fields | null;
  #headers: HeaderList | null;

  constructor(method: string, target: ByteString, version: Version, headers: Fields | HeaderList) {
    const query = target.indexOf('?');
    this.method = method;
    this.target = target;
    this.path = target.startsWith('/') && query < 0 ? target : pathOf(target, query);
    this.query = query < 0 ? '' : target.slice(query + 1);
    this.version = version;
    this.fields = headers instanceof Fields ? headers : null;
    this.#headers = headers instanceof Fields ? null : headers;
  }

  get headers(): HeaderList {
    this.#headers ??= this.fields?.list() ?? [];
    return this.#headers;
  }

  get(name: string): ByteString | undefined {
    if (!this.has(name)) return undefined;
    return this.all(name).join(name === 'cookie' ? '; ' : ', ');
  }

  all(name: string): ByteString[] {
    const values: ByteString[] = [];
    for (const [field, value] of this.headers) if (field === name) values.push(value);
    return values;
  }

  has(name: string): boolean {
    if (this.fields && !this.#headers) return has(this.fields, name);
    for (const [field] of this.headers) if (field === name) return true;
    return false;
  }
}

function has({ names }: Fields, name: string): boolean {
  for (const { text } of names) if (text === name) return true;
  return false;
}

/** In absolute form the path begins behind the authority (RFC 9112 §3.2.2). */
function pathOf(target: ByteString, query: number): ByteString {
  const whole = query < 0 ? target : target.slice(0, query);
  if (whole.startsWith('/') || whole === '*') return whole;
  const start = whole.indexOf('/', whole.indexOf('://') + 3);
  return start < 0 ? '/' : whole.slice(start);
}
