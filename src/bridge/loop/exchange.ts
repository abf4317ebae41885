// Inside the loop thread: a blocked caller as an exchange, so that the async wing serves it as it serves a socket.
import type { runHttp } from '../../async/http.ts';
import { noBytes } from '../../core/bytes.ts';
import { type Deferred, deferred } from '../../core/deferred.ts';
import { Disconnected, GatewayError } from '../../core/errors.ts';
import { revive } from '../../core/failure.ts';
import { reasonOf } from '../../core/status.ts';
import type { StatusLine } from '../../sync/interface.ts';
import type { ScopeData } from '../scope-from-environ.ts';
import type { CallerToThread, ResponseHead, ThreadToCaller } from './messages.ts';
import { parcel, pieceSize, weightOf, window } from './parcel.ts';

type Exchange = Parameters<typeof runHttp>[2];
type Body = { readonly body: Uint8Array; readonly more: boolean };
/** The caller's answer is complete; the caller has left before that. */
type Over = 'complete' | 'gone';

export type Post = (message: ThreadToCaller) => void;

/** What may not be in an answer of a sync app (W-55). */
const hopByHop = new Set(
  'connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer trailers upgrade'.split(
    ' ',
  ),
);

export class LoopExchange implements Exchange {
  readonly id: string;
  readonly head: Exchange['head'];
  readonly secure: boolean;
  readonly client: Exchange['client'];
  readonly server: Exchange['server'];
  readonly tls = null;
  readonly copies = false;
  readonly ticket = null;
  readonly trailers: Exchange['trailers'] = [];
  readonly length: number | null = null;
  readonly #call: number;
  readonly #post: Post;
  readonly #finished = deferred();
  #over: Over | null = null;
  #gone: AbortController | null = null;

  #reading: Deferred<Body> | null = null;
  #readAll = false;

  #start: ResponseHead | null = null;
  #headed = false;
  /** What Content-Length leaves to be sent; null where it is unknown. */
  #left: number | null = null;
  #ending = false;
  readonly #pieces: Uint8Array[] = [];
  /** What was sent and not yet taken, in weights. */
  #unread = 0;
  #flushing = false;
  /** Those who wait until everything is sent and there is room. */
  #room: Deferred<void> | null = null;

  constructor(call: number, id: string, scope: ScopeData, post: Post) {
    this.#call = call;
    this.id = id;
    this.#post = post;
    this.head = headOf(scope);
    this.secure = scope.scheme === 'https';
    this.client = scope.client;
    this.server = scope.server;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get gone(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#over === 'gone') this.#gone.abort(new Disconnected());
    return this.#gone.signal;
  }

  get headed(): boolean {
    return this.#headed;
  }

  /** The caller's next word about this call. */
  hear(message: CallerToThread): void {
    switch (message.kind) {
      case 'body':
        this.#readAll = !message.more;
        this.#read()?.resolve(message);
        break;
      case 'broken':
        this.#read()?.reject(revive(message.error, 'the calling thread'));
        break;
      case 'credit':
        this.#unread -= message.taken;
        this.#flush();
        break;
      case 'gone':
        this.leave();
        break;
      case 'open':
        break;
      default:
        message satisfies never;
    }
  }

  /** Only a socket is answered with what another thread has put together. */
  relay(): never {
    throw new GatewayError('CONTRACT', 'Cannot relay an answer to a blocked caller');
  }

  fail(): void {
    this.abort();
  }

  /** The caller takes no more: the client has gone, or the answer has all the bytes that it can have. */
  leave(): void {
    this.#finish(this.#headed && this.#left === 0 ? 'complete' : 'gone');
  }

  /** The caller is asked for each piece. */
  ready(): null {
    return null;
  }

  read(): Promise<Body> {
    if (this.#readAll) return Promise.resolve({ body: noBytes, more: false });
    if (this.#over) return Promise.reject(new Disconnected());
    this.#reading = deferred<Body>();
    this.#post({ id: this.#call, kind: 'want' });
    return this.#reading.promise;
  }

  inform(): void {}

  start({ status, reason, headers }: Parameters<Exchange['start']>[0]): void {
    const line: StatusLine = `${status} ${reason ?? reasonOf(status)}`;
    this.#start = {
      status: line,
      headers: headers.filter(([name]) => !hopByHop.has(name)).map(([name, value]) => [name, value]),
    };
    const bodiless = this.head.method === 'HEAD' || status === 204 || status === 304;
    const length = headers.find(([name]) => name === 'content-length')?.[1];
    this.#left = bodiless ? 0 : length === undefined ? null : Number(length);
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#over) return this.#late();
    if (chunk.length === 0) this.#pieces.push(chunk);
    for (let at = 0; at < chunk.length; at += pieceSize)
      this.#pieces.push(chunk.subarray(at, at + pieceSize));
    return this.#sent();
  }

  finish(chunk: Uint8Array): Promise<void> {
    this.#measure(chunk.length);
    if (chunk.length > pieceSize) return this.write(chunk).then(() => this.end());
    this.write(chunk).catch(() => {}); // what refuses it refuses the end as well
    return this.end();
  }

  /** Nothing to do: what waits leaves while the blocked caller takes it. */
  flush(): void {}

  end(): Promise<void> {
    this.#measure(0);
    if (this.#over) return this.#late();
    this.#ending = true;
    return this.#sent();
  }

  upgrade(): never {
    throw new GatewayError('CONTRACT', 'Cannot upgrade a call of a sync server');
  }

  abort(): void {
    this.#finish('gone');
  }

  /** What comes after the caller took its last byte is nobody's loss; after the client's leaving it is an error. */
  #late(): Promise<void> {
    return this.#over === 'complete' ? Promise.resolve() : Promise.reject(new Disconnected());
  }

  #read(): Deferred<Body> | null {
    const reading = this.#reading;
    this.#reading = null;
    return reading;
  }

  /** Until everything so far is on its way and there is room: the last piece and the end leave as one message. */
  #sent(): Promise<void> {
    this.#room ??= deferred();
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    return this.#room.promise;
  }

  #flush(): void {
    while (!this.#over && this.#pieces.length > 0) {
      const piece = this.#pieces[0] ?? noBytes;
      if (this.#unread > 0 && this.#unread + weightOf(piece) > window) return;
      this.#pieces.shift();
      this.#deliver(piece, !(this.#ending && this.#pieces.length === 0));
    }
    if (!this.#over && this.#ending) this.#deliver(noBytes, false);
    if (this.#over || this.#unread < window) this.#makeRoom();
  }

  #deliver(piece: Uint8Array, more: boolean): void {
    const body = parcel(piece);
    const head = this.#headed ? null : this.#start;
    this.#headed = true;
    this.#unread += weightOf(body);
    if (this.#left !== null) this.#left = Math.max(0, this.#left - body.length);
    this.#post({ id: this.#call, kind: 'answer', ...(head && { head }), body, more });
    if (!more) this.#finish('complete');
  }

  /** The last piece is the first one: the length is known, and nothing needs chunks. */
  #measure(length: number): void {
    if (this.#left !== null || this.#headed || this.#pieces.length > 0 || !this.#start) return;
    this.#start.headers.push(['content-length', String(length)]);
    this.#left = length;
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = null;
  }

  #finish(over: Over): void {
    if (this.#over) return;
    this.#over = over;
    this.#pieces.length = 0;
    if (over === 'gone') {
      this.#room?.promise.catch(() => {}); // whoever awaits it hears of it
      this.#room?.reject(new Disconnected());
      this.#room = null;
      this.#gone?.abort(new Disconnected());
    }
    this.#makeRoom();
    this.#read()?.reject(new Disconnected());
    this.#finished.resolve();
  }
}

function headOf({
  method,
  raw_path: path,
  query_string: query,
  http_version: version,
  headers,
}: ScopeData): Exchange['head'] {
  const all = (name: string): string[] => headers.filter(([own]) => own === name).map(([, value]) => value);
  return {
    method,
    target: query ? `${path}?${query}` : path,
    path,
    query,
    version,
    headers,
    get: (name) => headers.find(([own]) => own === name)?.[1],
    all,
    has: (name) => headers.some(([own]) => own === name),
  };
}
