// The head of a request and of a response, as both wings see them.
import type { ByteString, Header, HeaderList } from '../core/bytes.ts';
import { lowerName } from './grammar.ts';

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
  /** All values of a field in one: cookies joined by `; `, others by `, ` (RFC 9110 §5.3). */
  get(name: string): ByteString | undefined;
  all(name: string): ByteString[];
  has(name: string): boolean;
}

export interface ResponseHead {
  readonly status: number;
  /** The registered reason when it is left out. */
  readonly reason?: ByteString;
  readonly headers: HeaderList;
}

/** A head that was parsed to offsets: header strings are made when somebody asks for them. */
export class ParsedHead implements RequestHead {
  readonly method: string;
  readonly target: ByteString;
  readonly version: Version;
  /** The whole head, one code unit an octet. */
  readonly #text: ByteString;
  /** Four a field, into the text: where the name starts and ends, where the value starts and ends. */
  readonly #fields: readonly number[];
  #headers: HeaderList | null = null;

  constructor(
    line: { method: string; target: ByteString; version: Version },
    text: ByteString,
    fields: readonly number[],
  ) {
    this.method = line.method;
    this.target = line.target;
    this.version = line.version;
    this.#text = text;
    this.#fields = fields;
  }

  get path(): ByteString {
    const start = this.#pathStart();
    const query = this.target.indexOf('?', start);
    return (query < 0 ? this.target.slice(start) : this.target.slice(start, query)) || '/';
  }

  get query(): ByteString {
    const query = this.target.indexOf('?');
    return query < 0 ? '' : this.target.slice(query + 1);
  }

  get headers(): HeaderList {
    if (this.#headers) return this.#headers;
    const fields = this.#fields;
    const headers: Header[] = [];
    for (let at = 0; at < fields.length; at += 4) {
      const name = lowerName(this.#text.slice(fields[at], fields[at + 1]));
      headers.push([name, this.#text.slice(fields[at + 2], fields[at + 3])]);
    }
    this.#headers = headers;
    return headers;
  }

  get(name: string): ByteString | undefined {
    const values = this.all(name);
    if (values.length < 2) return values[0];
    return values.join(name === 'cookie' ? '; ' : ', ');
  }

  all(name: string): ByteString[] {
    const values: ByteString[] = [];
    for (const [field, value] of this.headers) if (field === name) values.push(value);
    return values;
  }

  has(name: string): boolean {
    return this.headers.some(([field]) => field === name);
  }

  /** In absolute form the path begins behind the authority (RFC 9112 §3.2.2). */
  #pathStart(): number {
    if (this.target.startsWith('/') || this.target === '*') return 0;
    const authority = this.target.indexOf('://') + 3;
    const end = /[/?]/.exec(this.target.slice(authority));
    if (!end) return this.target.length;
    return authority + end.index;
  }
}
