// What the parser finds in the bytes of a connection: a head, pieces of a body, its end.
import type { HeaderList } from '../core/bytes.ts';
import type { RequestHead } from './head.ts';

export interface HeadEvent {
  readonly kind: 'head';
  readonly head: RequestHead;
  /** Of the body: 0 for none, null for chunked. */
  readonly length: number | null;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
}
export interface DataEvent {
  readonly kind: 'data';
  /** A view of what was fed. */
  readonly bytes: Uint8Array;
  /** Known to be the last: Content-Length is reached. After it the next message begins. */
  readonly last: boolean;
}
export interface EndEvent {
  readonly kind: 'end';
  readonly trailers: HeaderList;
}
export type ParserEvent = HeadEvent | DataEvent | EndEvent;
