// The head of a request and of a response, as both wings see them.
import type { ByteString, HeaderList } from '../core/bytes.ts';

export interface RequestHead {
  /** A token, as it was sent: methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** As it was sent: origin form, absolute form, or `*`. */
  readonly target: ByteString;
  /** The target's path, still percent-encoded; `*` for `OPTIONS *`; never empty. */
  readonly path: ByteString;
  /** What follows the `?`, still encoded; empty where there is none. */
  readonly query: ByteString;
  readonly version: '1.0' | '1.1' | '2';
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
