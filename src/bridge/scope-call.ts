// Scope, receive and send as one call of a sync app: what an executor needs, on any async server.
import type { HttpResponseStart, HttpScope, Receive, Send, SendEvent } from '../async/interface.ts';
import { noBytes, utf8 } from '../core/bytes.ts';
import { deferred } from '../core/deferred.ts';
import { Disconnected, type GatewayError, HttpError } from '../core/errors.ts';
import { reasonOf } from '../core/status.ts';
import type { Call } from '../sync/call.ts';
import type { EnvironData, ResponseHeaders, StatusLine } from '../sync/interface.ts';
import { environFromScope } from './environ-from-scope.ts';
import type { HeldLog } from './held-log.ts';

let calls = 0;

export class ScopeCall implements Call {
  readonly id: string;
  readonly environ: EnvironData;
  readonly length: number | null;
  readonly #receive: Receive<'http'>;
  readonly #send: Send;
  /** Where the server tells of a disconnect by itself; else receive() is watched once the body is read. */
  readonly #signal: AbortSignal | null;
  readonly #left = new AbortController();
  readonly #failed = deferred();
  #readAll = false;
  #head: HttpResponseStart | null = null;
  #headed = false;
  #ended = false;
  /** All events so far, in order: an executor need not wait for one before it gives the next. */
  #sent: Promise<void> = Promise.resolve();
  #failure: GatewayError | null = null;

  constructor(scope: HttpScope, receive: Receive<'http'>, send: Send, underscores = false) {
    calls += 1;
    this.id = requestId(scope) ?? `bridge-${calls}`;
    this.environ = { ...environFromScope(scope, underscores), 'dualgate.request_id': this.id };
    this.length = lengthOf(scope);
    this.#receive = receive;
    this.#send = send;
    this.#signal = disconnectOf(scope);
    if (this.length === 0) this.#watch();
  }

  get gone(): AbortSignal {
    return this.#signal ?? this.#left.signal;
  }

  /** Resolves when the executor has given up. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  async read(): Promise<{ readonly body: Uint8Array; readonly more: boolean }> {
    if (this.#readAll) return { body: noBytes, more: false };
    const event = await this.#receive();
    if (event.type === 'http.disconnect') {
      this.#leave();
      throw new Disconnected();
    }
    if (!event.more_body) {
      this.#readAll = true;
      this.#watch();
    }
    return { body: event.body, more: event.more_body };
  }

  /** Held until the first piece, or the end: an error can still take its place (W-57, W-59). The reason is lost. */
  start(status: StatusLine, headers: ResponseHeaders): void {
    this.#head = {
      type: 'http.response.start',
      status: Number(status.slice(0, 3)),
      headers: headers.map(([name, value]) => [name.toLowerCase(), value]),
    };
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#put({ type: 'http.response.body', body: chunk, more_body: true });
  }

  async end(): Promise<void> {
    await this.#put({ type: 'http.response.body', more_body: false });
    this.#ended = true;
  }

  fail(why: GatewayError): void {
    this.#failure ??= why;
    this.#failed.resolve();
  }

  /**
   * Once the executor is done. What it failed with is thrown, so that the server answers 500, or cuts; an HttpError is
   * answered with its status while the head is unsent. `held` is what the executor said about it.
   */
  async settle(held: HeldLog): Promise<void> {
    const why = this.#failure;
    if (this.gone.aborted && !this.#ended) {
      held.release();
      throw new Disconnected();
    }
    if (!why) return held.release();
    const thrown = why instanceof HttpError && why.status === 500 ? why.cause : undefined;
    if (thrown !== undefined || this.#headed || !(why instanceof HttpError)) throw thrown ?? why;
    held.release();
    await this.#answer(why.status);
  }

  async #answer(status: number): Promise<void> {
    const body = utf8(`${status} ${reasonOf(status)}\n`);
    await this.#send({
      type: 'http.response.start',
      status,
      headers: [
        ['content-type', 'text/plain; charset=utf-8'],
        ['content-length', String(body.length)],
        ...(status === 503 ? [['retry-after', '1'] as const] : []),
      ],
    });
    await this.#send({ type: 'http.response.body', body });
  }

  #put(event: SendEvent<'http'>): Promise<void> {
    if (this.#failure) return Promise.reject(new Disconnected('The call is over'));
    if (!this.#headed && this.#head) {
      this.#headed = true;
      this.#next(this.#head);
    }
    return this.#next(event);
  }

  #next(event: SendEvent<'http'>): Promise<void> {
    this.#sent = this.#sent.then(() => this.#send(event)).catch((error: unknown) => this.#refused(error));
    this.#sent.catch(() => {}); // the last of them is what the executor awaits
    return this.#sent;
  }

  #refused(error: unknown): never {
    if (error instanceof Disconnected) this.#leave();
    throw error;
  }

  #leave(): void {
    if (!this.#ended) this.#left.abort(new Disconnected());
  }

  /** Whatever comes after the body tells that the client is gone, or that the answer is complete. */
  #watch(): void {
    if (this.#signal) return;
    const next = (): void => {
      this.#receive().then(
        (event) => (event.type === 'http.disconnect' ? this.#leave() : next()),
        () => this.#leave(),
      );
    };
    next();
  }
}

function requestId({ extensions }: HttpScope): string | undefined {
  const id = extensions['dualgate.request']?.['id'];
  return typeof id === 'string' ? id : undefined;
}

function disconnectOf({ extensions }: HttpScope): AbortSignal | null {
  const signal = extensions['dualgate.disconnect']?.['signal'];
  return signal instanceof AbortSignal ? signal : null;
}

const seldomWithBody = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * The body's length: null for unknown. Without a length a request has no body (RFC 9112 §6.3), but a middleware may have
 * taken the header away with the coding that it undid: so only methods that have none are trusted.
 */
function lengthOf({ method, headers, http_version: version }: HttpScope): number | null {
  let coded = version === '2';
  for (const [name, value] of headers) {
    if (name === 'content-length') return /^\d+$/.test(value) ? Number(value) : null;
    if (name === 'transfer-encoding') coded = true;
  }
  return !coded && seldomWithBody.has(method) ? 0 : null;
}
