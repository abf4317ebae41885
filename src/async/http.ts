// An exchange as receive and send: one call of an async app, played into an exchange.
import { type HeaderList, noBytes } from '../core/bytes.ts';
import { deferred } from '../core/deferred.ts';
import { asError, ContractError, Disconnected, HttpError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { bodiless } from '../core/status.ts';
import type { Exchange } from '../http/exchange.ts';
import { lowerName } from '../http/grammar.ts';
import type { ResponseHead } from '../http/head.ts';
import { about, causedByDisconnect, seen } from './failure.ts';
import type {
  AsyncApp,
  HttpDisconnect,
  HttpRequest,
  HttpResponseBody,
  HttpResponseStart,
  HttpScope,
  Send,
  SendEvent,
} from './interface.ts';
import { follow, http, type Order } from './order.ts';

const nothing: Promise<void> = Promise.resolve();

/**
 * Calls the app once. Resolves when the answer is complete and the app has returned, or when the client has gone.
 * Rejects with an HttpError, for the connection to answer with or to cut, where the app threw or returned before its
 * answer was complete; why is in the log, and in the error's cause.
 */
export async function runHttp(
  app: AsyncApp,
  scope: HttpScope,
  exchange: Exchange,
  { log = silent }: { log?: Log } = {},
): Promise<void> {
  const dialogue = new Dialogue(exchange);
  try {
    // An app may send what does not suit the scope: order refuses it.
    await app(scope, dialogue.receive, dialogue.send as Send);
  } catch (thrown) {
    dialogue.threw(asError(thrown), log);
    return dialogue.complete;
  }
  dialogue.returned(log);
  await dialogue.complete;
}

class Dialogue {
  readonly #exchange: Exchange;
  readonly #order: Order<'http', 'fresh' | 'headed' | 'done'> = follow(http, 'fresh');
  /** The request body has been read to its end. */
  #readAll = false;
  /** Why the request body cannot be read on. */
  #broken: Error | null = null;
  /** The receive that reads just now; the next one waits for it. */
  #reading: Promise<void> | null = null;
  /** Ends the receive that reads just now, because the exchange is over. */
  #leave: (() => void) | null = null;
  #watching = false;
  /** The head that waits for the first body. */
  #head: ResponseHead | null = null;
  /** The length of a body in one piece is for the server to say. */
  #counts = false;
  /** What the app's Content-Length leaves to be sent; null where there is none, or no body is sent at all. */
  #left: number | null = null;
  /** The last piece on its way: an app that does not wait for it may have returned already. */
  complete: Promise<void> = nothing;
  /** The first event that was refused: the likely reason why an answer stays incomplete. */
  #refused: Error | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  readonly receive = (): Promise<HttpRequest | HttpDisconnect> => seen(this.#receive());

  readonly send = (event: SendEvent<'http'>): Promise<void> => {
    const before = this.#order.state;
    try {
      return seen(this.#send(event));
    } catch (error) {
      this.#order.enter(before);
      this.#refused ??= asError(error);
      return seen(Promise.reject(error));
    }
  };

  /** The app threw. */
  threw(error: Error, log: Log): void {
    const exchange = this.#exchange;
    if (causedByDisconnect(error) && exchange.gone.aborted) return;
    // A body that broke off or grew too large, and an app that let receive's error pass: the status is in it.
    if (error === this.#broken && error instanceof HttpError) throw error;
    const done = this.#order.state === 'done';
    log.error(`The app threw ${done ? 'after its answer was complete' : this.#how()}`, {
      ...about(exchange),
      error,
    });
    if (!done) throw new HttpError(500, 'The app threw', { cause: error });
  }

  /** The app returned. */
  returned(log: Log): void {
    if (this.#order.state === 'done' || this.#exchange.gone.aborted) return;
    const begun = this.#order.state === 'headed';
    const error = new ContractError(
      'A-37',
      `The app returned before its answer was ${begun ? 'complete: send http.response.body with more_body: false' : 'begun'}`,
      this.#refused ? { cause: this.#refused } : undefined,
    );
    log.error(`The app returned too early ${this.#how()}`, { ...about(this.#exchange), error });
    throw new HttpError(500, 'The app returned too early', { cause: error });
  }

  #how(): string {
    return this.#exchange.headed ? '(the connection is cut)' : '(answered with 500)';
  }

  async #receive(): Promise<HttpRequest | HttpDisconnect> {
    while (this.#reading) await this.#reading;
    if (this.#broken) throw this.#broken;
    if (this.#readAll || this.#order.state === 'done') {
      await this.#exchange.finished;
      return { type: 'http.disconnect' };
    }
    const { promise, resolve } = deferred();
    this.#reading = promise;
    try {
      return await this.#piece();
    } finally {
      this.#reading = null;
      resolve();
    }
  }

  /** The next piece of the body; the disconnect where the client leaves, or the answer is complete, before it comes. */
  #piece(): Promise<HttpRequest | HttpDisconnect> {
    this.#watch();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#readAll = true;
        resolve({ type: 'http.disconnect' });
      };
      this.#leave = leave;
      this.#exchange.read().then(
        ({ body, more }) => {
          this.#readAll = !more;
          resolve({ type: 'http.request', body, more_body: more });
        },
        (error: unknown) => {
          if (error instanceof Disconnected) return leave();
          this.#broken = asError(error);
          reject(this.#broken);
        },
      );
    });
  }

  /** One listener an exchange: a race for each piece would leave one behind for each piece. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#exchange.finished.then(() => this.#leave?.());
  }

  #send(event: SendEvent<'http'>): Promise<void> {
    if (!this.#order.take(event)) return nothing;
    switch (event.type) {
      case 'http.response.start':
        this.#start(event);
        return nothing;
      case 'http.response.body':
        return this.#body(event);
      default:
        throw new ContractError('A-11', `Cannot send "${event.type}": the server does not offer it`);
    }
  }

  /** Kept here until the first body, which may tell the length; an error until then becomes a 500. */
  #start({ status, headers }: HttpResponseStart): void {
    const kept = ownHeaders(headers ?? []);
    const length = declaredLength(kept);
    const empty = this.#exchange.head.method === 'HEAD' || bodiless(status);
    this.#left = empty ? null : length;
    this.#head = { status, headers: kept };
    this.#counts = length === null && !empty;
  }

  #body(event: HttpResponseBody): Promise<void> {
    const length = event.body?.length ?? 0;
    const more = event.more_body === true;
    this.#count(length, more);
    if (this.#head) {
      const { status, headers } = this.#head;
      // One piece is the whole body: its length is known, and nothing needs chunks.
      const known = this.#counts && !more;
      const sized = known ? [...headers, ['content-length', String(length)] as const] : headers;
      this.#exchange.start({ status, headers: sized });
      this.#head = null;
    }
    const sending = sendBody(this.#exchange, event);
    if (!more) this.complete = sending;
    return sending;
  }

  /** RFC 9112 §6.3: what a Content-Length promises is kept; too much is refused before a byte of it leaves. */
  #count(length: number, more: boolean): void {
    if (this.#left === null) return;
    const left = this.#left - length;
    if (left < 0)
      throw new ContractError(
        'A-38',
        `Cannot send ${length} bytes: the app's Content-Length leaves ${this.#left}`,
      );
    if (left > 0 && !more)
      throw new ContractError(
        'A-38',
        `Cannot complete the answer: the app's Content-Length promises ${left} more bytes`,
      );
    this.#left = left;
  }
}

/** A body event into the exchange. The first one makes the head leave, even where it is empty. */
export function sendBody(
  exchange: Exchange,
  { body, more_body: more }: { readonly body?: Uint8Array; readonly more_body?: boolean },
): Promise<void> {
  const chunk = body ?? noBytes;
  if (more === true) return chunk.length > 0 || !exchange.headed ? exchange.write(chunk) : nothing;
  if (chunk.length === 0) return exchange.end();
  return exchange.finish(chunk);
}

/** What belongs to the connection, and so to the server (RFC 9110 §7.6.1). */
const ofTheConnection: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
]);

/**
 * The app's headers with names in lower case. Its transfer-encoding is ignored, as ASGI asks, and so are the other
 * fields of the connection: event streams of every framework say `connection: keep-alive`.
 */
export function ownHeaders(headers: HeaderList): HeaderList {
  // Most lists are fine as they are, and then nothing is made.
  if (headers.every(([name]) => lowerName(name) === name && !ofTheConnection.has(name))) return headers;
  return headers
    .map(([name, value]) => [lowerName(name), value] as const)
    .filter(([name]) => !ofTheConnection.has(name));
}

/** The app's Content-Length: one number, or refused (RFC 9110 §8.6). */
function declaredLength(headers: HeaderList): number | null {
  const values = headers.filter(([name]) => name === 'content-length').map(([, value]) => value);
  const [first] = values;
  if (first === undefined) return null;
  if (values.length > 1 || !/^\d{1,15}$/.test(first))
    throw new ContractError(
      'A-38',
      `Cannot send the Content-Length "${values.join(', ')}": it is not one number`,
    );
  return Number(first);
}
