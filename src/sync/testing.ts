// dualgate/sync/testing: calls an app without a socket, under the responder that the servers use.
import { type ByteString, concat, type HeaderList, latin1, noBytes, utf8 } from '../core/bytes.ts';
import { asError, Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import { reasonOf } from '../core/status.ts';
import { isFieldValue, isToken } from '../http/grammar.ts';
import { ParsedHead } from '../http/head.ts';
import { asSyncApp } from './app.ts';
import { environOf } from './environ.ts';
import { Errors } from './error-stream.ts';
import { Input, type Source } from './input.ts';
import type { Environ, ResponseHeaders, StatusLine, SyncApp } from './interface.ts';
import { lint } from './lint.ts';
import { respond, type Sink } from './responder.ts';

export type TestBody = Uint8Array | string | Iterable<Uint8Array | string>;

export interface TestRequest {
  /** `GET`, or `POST` where there is a body. */
  readonly method?: string;
  /** As a client sends it: percent-encoded, a query behind `?` allowed. What is beyond ASCII is encoded as a browser does. `/`. */
  readonly path?: string;
  readonly query?: string | Readonly<Record<string, string>> | URLSearchParams;
  /** `host: localhost` is there unless given; Content-Length and Transfer-Encoding come from the body. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | HeaderList;
  /** Bytes, or text as UTF-8, with its length; or pieces, which the app gets one by one, as from a chunked body. A piece that throws breaks the body off. */
  readonly body?: TestBody;
  /** A body of JSON, with its Content-Type. */
  readonly json?: unknown;
  readonly scheme?: 'http' | 'https';
  readonly version?: '1.0' | '1.1';
  /** Where the app is mounted: SCRIPT_NAME; `path` goes on behind it. */
  readonly mount?: string;
  readonly client?: readonly [host: string, port: number];
  /** Put into the environ last, over what is there. */
  readonly environ?: Readonly<Record<string, unknown>>;
  /** Bytes of the answer's body; with them the client leaves, so that an endless body ends. */
  readonly limit?: number;
  /** The app runs under lint(): what is against the contract is thrown, what is unwise stands in `errors`. Each piece then leaves by itself. */
  readonly lint?: boolean;
  /** What the app throws is answered as a server does, and kept in `error`; it is thrown otherwise. */
  readonly catchErrors?: boolean;
}

export interface TestAnswer {
  readonly status: number;
  readonly reason: string;
  /** As the app gave them, with the Content-Length that the server knows. */
  readonly headers: HeaderList;
  /** The first of that name, in any case. */
  get(name: string): ByteString | undefined;
  all(name: string): ByteString[];
  readonly body: Uint8Array;
  /** The body as it left, piece by piece: each was on its way before the app was asked for the next. */
  readonly pieces: readonly Uint8Array[];
  /** The body as UTF-8. */
  text(): string;
  json(): unknown;
  /** What the app wrote to wsgi.errors. */
  readonly errors: string;
  /** Each call of wsgi.early_hints. */
  readonly hints: readonly HeaderList[];
  /** False where the client left at the limit, or the app failed behind its head. */
  readonly complete: boolean;
  /** The iterable had a close(), and it was called. */
  readonly closed: boolean;
  /** What the app threw, with `catchErrors`. */
  readonly error: Error | null;
  /** As the app left it. */
  readonly environ: Environ;
}

/** Bytes and pieces of an answer that nobody has limited: an endless one fails instead of filling the memory. */
const mostBytes = 64 * 2 ** 20;
const mostSteps = 1_000_000;

/**
 * Calls the app once and answers with what a client would have got. A text is a path. Throws what the app throws, and
 * ContractError where it breaks the contract; GatewayError USAGE for a request that no client could send.
 */
export function call(app: SyncApp, request: TestRequest | string = {}): TestAnswer {
  const given = typeof request === 'string' ? { path: request } : request;
  const sink = new Recorder(given.limit ?? null, given.version === '1.0');
  const body = bodyOf(given);
  const input = new Input(body);
  const errors: string[] = [];
  const stream = new Errors((line) => errors.push(`${line}\n`));
  const environ = environFor(given, body, input, stream, sink);
  let error: Error | null = null;
  try {
    run(asSyncApp(app, app.name || 'the app'), environ, sink, given.lint ?? false);
  } catch (thrown) {
    if (!(sink.left && thrown instanceof Disconnected)) {
      if (!given.catchErrors) throw thrown;
      error = asError(thrown);
      sink.fail(error);
    }
  } finally {
    input.expire();
    stream.flush();
  }
  return sink.answer(environ, errors.join(''), error);
}

function run(app: SyncApp, environ: Environ, sink: Recorder, linted: boolean): void {
  const seen: SyncApp = (given, startResponse) => {
    const body = app(given, startResponse);
    const has = typeof body === 'object' && body !== null && typeof body.close === 'function';
    sink.closes = has;
    return body;
  };
  let steps = 0;
  for (const _ of respond(linted ? lint(seen) : seen, environ, sink) ?? []) {
    steps += 1;
    if (sink.left) return; // ends the generator, and with it the app's iterable
    if (steps > mostSteps) throw tooMuch(`${mostSteps} pieces`);
  }
}

/* ── the request ──────────────────────────────────────────────────────── */

interface Body extends Source {
  /** null: pieces, whose length nobody knows. */
  readonly length: number | null;
}

function bodyOf({ body, json }: TestRequest): Body {
  if (json !== undefined && body !== undefined) throw usage('a request has a body or json, not both');
  const given = json === undefined ? (body ?? noBytes) : JSON.stringify(json);
  const whole = typeof given === 'string' || given instanceof Uint8Array;
  const pieces = (whole ? [given] : given)[Symbol.iterator]();
  const next = (): Uint8Array | null => {
    for (let item = pieces.next(); !item.done; item = pieces.next()) {
      const piece: unknown = item.value;
      if (typeof piece !== 'string' && !(piece instanceof Uint8Array)) {
        throw usage(`a piece of the body is a ${typeof piece}: give bytes or text`);
      }
      const bytes = typeof piece === 'string' ? utf8(piece) : piece;
      if (bytes.length > 0) return bytes;
    }
    return null;
  };
  const length = whole ? (typeof given === 'string' ? Buffer.byteLength(given) : given.length) : null;
  return { next, ready: true, length };
}

function environFor(given: TestRequest, body: Body, input: Input, errors: Errors, sink: Recorder): Environ {
  const has = body.length !== 0;
  const method = given.method ?? (has ? 'POST' : 'GET');
  if (!isToken(method)) throw usage(`the method is "${method}"`);
  const mount = mountOf(given);
  const head = new ParsedHead(method, targetOf(given, mount), given.version ?? '1.1', headersOf(given, body));
  count += 1;
  const exchange = {
    id: `test-${count}`,
    head,
    length: body.length,
    secure: given.scheme === 'https',
    client: given.client ?? (['127.0.0.1', 50_000] as const),
    server: ['localhost', given.scheme === 'https' ? 443 : 80] as const,
    tls: null,
  };
  // What is missing in the plain part of an environ is put in below.
  const environ = environOf(exchange) as Environ;
  environ.SCRIPT_NAME = mount;
  environ.PATH_INFO = environ.PATH_INFO.slice(mount.length);
  environ['wsgi.input'] = input;
  environ['wsgi.errors'] = errors;
  environ['dualgate.lane'] = 'test';
  environ['dualgate.client_disconnected'] = () => sink.left;
  return Object.assign(environ, given.environ);
}

let count = 0;

/** Octets, as SCRIPT_NAME has them. */
function mountOf({ mount = '' }: TestRequest): ByteString {
  if (mount !== '' && !/^\/.*[^/]$/.test(mount)) throw usage(`the mount is "${mount}": it is as "/api"`);
  return latin1(utf8(mount));
}

function targetOf({ path = '/', query }: TestRequest, mount: ByteString): ByteString {
  if (!path.startsWith('/') && path !== '*' && !(path === '' && mount !== '')) {
    throw usage(`the path is "${path}": it begins with "/"`);
  }
  if (/[\x00-\x20\x7f#]/.test(path))
    throw usage(`the path ${JSON.stringify(path)} has to be percent-encoded`);
  const more =
    query === undefined ? '' : typeof query === 'string' ? query : String(new URLSearchParams(query));
  const joined = more === '' ? '' : `${path.includes('?') ? '&' : '?'}${more.replace(/^\?/, '')}`;
  const prefix = encodeURI(Buffer.from(mount, 'latin1').toString('utf8'));
  return `${prefix}${path}${joined}`.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

function headersOf(given: TestRequest, body: Body): HeaderList {
  const listed = Array.isArray(given.headers) ? given.headers : Object.entries(given.headers ?? {});
  const headers: Array<readonly [string, string]> = [];
  // A list of pairs, or the entries of a record whose values may be lists.
  for (const [name, values] of listed as ReadonlyArray<readonly [string, string | readonly string[]]>) {
    if (!isToken(name)) throw usage(`the header name is "${name}"`);
    for (const value of [values].flat()) {
      if (typeof value !== 'string' || !isFieldValue(value))
        throw usage(`the header "${name}" has a bad value`);
      headers.push([name.toLowerCase(), value]);
    }
  }
  const has = (name: string): boolean => headers.some(([one]) => one === name);
  if (!has('host')) headers.unshift(['host', 'localhost']);
  if (given.json !== undefined && !has('content-type')) headers.push(['content-type', 'application/json']);
  if (has('content-length') || has('transfer-encoding')) return headers; // said wrongly, maybe on purpose
  if (body.length === null) headers.push(['transfer-encoding', 'chunked']);
  else if (body.length > 0) headers.push(['content-length', String(body.length)]);
  return headers;
}

function usage(why: string): GatewayError {
  return new GatewayError('USAGE', `Cannot call the app: ${why}`);
}

function tooMuch(what: string): GatewayError {
  return new GatewayError(
    'USAGE',
    `The answer has more than ${what}: give a limit, with which the client leaves`,
  );
}

/* ── the answer ───────────────────────────────────────────────────────── */

class Recorder implements Sink {
  /** The client has left, at its limit. */
  left = false;
  closes = false;
  readonly informs: boolean;
  readonly #limit: number | null;
  #head: { status: StatusLine; headers: ResponseHeaders } | null = null;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #complete = false;
  readonly #hints: HeaderList[] = [];

  constructor(limit: number | null, old: boolean) {
    this.#limit = limit;
    this.informs = !old;
  }

  inform(headers: ResponseHeaders): void {
    this.#hints.push(headers);
  }

  start(status: StatusLine, headers: ResponseHeaders): void {
    this.#head = { status, headers };
  }

  write(chunk: Uint8Array): void {
    this.check();
    if (chunk.length === 0) return; // the head alone
    this.#bytes += chunk.length;
    if (this.#limit === null && this.#bytes > mostBytes) throw tooMuch(`${mostBytes} bytes`);
    const over = this.#limit === null ? 0 : Math.max(0, this.#bytes - this.#limit);
    // A copy: an app may fill the same buffer again.
    if (over < chunk.length)
      this.#pieces.push(Uint8Array.prototype.slice.call(chunk, 0, chunk.length - over));
    if (this.#limit !== null && this.#bytes >= this.#limit) this.left = true;
  }

  end(): void {
    this.#complete = !this.left;
  }

  check(): void {
    if (this.left) throw new Disconnected();
  }

  /** As a server: its own answer while nothing has left. */
  fail(error: Error): void {
    if (this.#head !== null) return; // it has left
    const status = error instanceof HttpError ? error.status : 500;
    this.#head = { status: `${status} ${reasonOf(status)}`, headers: [] };
    this.#complete = true;
  }

  answer(environ: Environ, errors: string, error: Error | null): TestAnswer {
    const { status, headers } = this.#head ?? { status: '0 ' as StatusLine, headers: [] };
    const body = concat(this.#pieces);
    const all = (name: string): ByteString[] =>
      headers.filter(([one]) => one.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    const text = (): string => Buffer.from(body).toString('utf8');
    return {
      status: Number(status.slice(0, 3)),
      reason: status.slice(4),
      headers,
      get: (name) => all(name)[0],
      all,
      body,
      pieces: this.#pieces,
      text,
      json: () => JSON.parse(text()),
      errors,
      hints: this.#hints,
      complete: this.#complete,
      closed: this.closes,
      error,
      environ,
    };
  }
}
