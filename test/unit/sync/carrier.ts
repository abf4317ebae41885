// A carrier for the tests of executors: a call with a body of pieces, whose answer is kept, and whose client can be slow or leave.
import { concat } from '../../../src/core/bytes.ts';
import { type Deferred, deferred } from '../../../src/core/deferred.ts';
import { Disconnected, type GatewayError } from '../../../src/core/errors.ts';
import type { Call } from '../../../src/sync/call.ts';
import type { EnvironData, ResponseHeaders, StatusLine } from '../../../src/sync/interface.ts';

export interface Given {
  method?: string;
  path?: string;
  query?: string;
  headers?: Readonly<Record<string, string>>;
  /** Pieces; a promise is a piece that is still on its way. */
  body?: Iterable<Uint8Array | Promise<Uint8Array>>;
  length?: number | null;
  /** Keep the answer's bytes (default), or only count them. */
  keep?: boolean;
  /** Awaited in each write: how a slow client looks from here. */
  room?: (total: number) => Promise<void> | undefined;
}

let calls = 0;

export class TestCall implements Call {
  readonly id: string = `call ${++calls}`;
  readonly environ: EnvironData;
  readonly length: number | null;
  status: StatusLine | undefined;
  headers: ResponseHeaders = [];
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  ended = false;
  failure: GatewayError | undefined;
  reads = 0;
  readonly started: Deferred<void> = deferred();
  readonly first: Deferred<void> = deferred();
  readonly #gone = new AbortController();
  readonly #left = deferred();
  readonly #body: Iterator<Uint8Array | Promise<Uint8Array>>;
  #next: IteratorResult<Uint8Array | Promise<Uint8Array>>;
  readonly #keep: boolean;
  readonly #room: Given['room'];

  constructor({
    method = 'GET',
    path = '/',
    query = '',
    headers = {},
    body = [],
    length,
    keep = true,
    room,
  }: Given = {}) {
    this.environ = environ(method, path, query, headers);
    this.#body = body[Symbol.iterator]();
    this.#next = this.#body.next();
    this.length = length === undefined ? (this.#next.done ? 0 : null) : length;
    this.#keep = keep;
    this.#room = room;
  }

  async read(): Promise<{ body: Uint8Array; more: boolean }> {
    this.reads += 1;
    if (this.gone.aborted) throw new Disconnected();
    if (this.#next.done) return { body: new Uint8Array(), more: false };
    const body = await Promise.race([this.#next.value, this.#left.promise]);
    if (!body) throw new Disconnected();
    this.#next = this.#body.next();
    return { body, more: !this.#next.done };
  }

  start(status: StatusLine, headers: ResponseHeaders): void {
    this.status = status;
    this.headers = headers;
    this.started.resolve();
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.gone.aborted) throw new Disconnected();
    if (this.#keep) this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.first.resolve();
    await Promise.race([this.#room?.(this.bytes), this.#left.promise]);
    if (this.gone.aborted) throw new Disconnected();
  }

  async end(): Promise<void> {
    if (this.gone.aborted) throw new Disconnected();
    this.ended = true;
  }

  fail(why: GatewayError): void {
    this.failure = why;
    this.#left.resolve();
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** The client goes away. */
  leave(): void {
    this.#gone.abort(new Disconnected());
    this.#left.resolve();
  }

  get body(): Uint8Array {
    return concat(this.chunks);
  }

  get text(): string {
    return Buffer.from(this.body).toString('utf8');
  }

  header(name: string): string | undefined {
    return this.headers.find(([given]) => given.toLowerCase() === name)?.[1];
  }
}

function environ(
  method: string,
  path: string,
  query: string,
  headers: Readonly<Record<string, string>>,
): EnvironData {
  const variables = Object.entries(headers).map(([name, value]) => [
    name.includes('.') ? name : `HTTP_${name.toUpperCase().replaceAll('-', '_')}`,
    value,
  ]);
  return {
    REQUEST_METHOD: method,
    SCRIPT_NAME: '',
    PATH_INFO: path,
    QUERY_STRING: query,
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'wsgi.version': [1, 0],
    'wsgi.url_scheme': 'http',
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'dualgate.request_id': 'test',
    ...Object.fromEntries(variables),
  };
}
