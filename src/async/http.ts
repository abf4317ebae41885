// An exchange as receive and send: one call of an async app, played into an exchange.
import { type HeaderList, noBytes } from '../core/bytes.ts';
import { deferred, settled } from '../core/deferred.ts';
import { asError, ContractError, Disconnected, HttpError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { type CheckedHead, checkLooseHead } from '../http/encoder.ts';
import type { Exchange, Piece } from '../http/exchange.ts';
import { checkHeaders, checkHttpButHeaders } from './events.ts';
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

const empty: HeaderList = [];

/**
 * Calls the app once. Resolves when the answer is complete and the app has returned, or when the client has gone.
 * Rejects with an HttpError, for the connection to answer with or to cut, where the app threw or returned before its
 * answer was complete; why is in the log, and in the error's cause.
 */
export function runHttp(
  app: AsyncApp,
  scope: HttpScope,
  exchange: Exchange,
  log: Log = silent,
): Promise<void> {
  const dialogue = new Dialogue(exchange, log);
  let run: Promise<void>;
  try {
    // An app may send what does not suit the scope: order refuses it.
    run = Promise.resolve(app(scope, dialogue.receive, dialogue.send as Send));
  } catch (thrown) {
    run = Promise.reject(thrown);
  }
  return run.then(dialogue.returned, dialogue.threw);
}

class Dialogue {
  readonly #exchange: Exchange;
  readonly #log: Log;
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
  /** What the app's Content-Length leaves to be sent; null where there is none, or no body is sent at all. */
  #left: number | null = null;
  /** The last piece on its way: an app that does not wait for it may have returned already. */
  #complete: Promise<void> = settled;
  /** The first event that was refused: the likely reason why an answer stays incomplete. */
  #refused: Error | null = null;

  constructor(exchange: Exchange, log: Log) {
    this.#exchange = exchange;
    this.#log = log;
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
  readonly threw = (thrown: unknown): Promise<void> | undefined => {
    const exchange = this.#exchange;
    const error = asError(thrown);
    if (causedByDisconnect(error) && exchange.gone.aborted) return this.#completed();
    // A body that broke off or grew too large, and an app that let receive's error pass: the status is in it.
    if (error === this.#broken && error instanceof HttpError) throw error;
    const done = this.#order.state === 'done';
    this.#log.error(`The app threw ${done ? 'after its answer was complete' : this.#how()}`, {
      ...about(exchange),
      error,
    });
    if (!done) throw new HttpError(500, 'The app threw', { cause: error });
    return this.#completed();
  };

  /** The app returned. */
  readonly returned = (): Promise<void> | undefined => {
    if (this.#order.state === 'done' || this.#exchange.gone.aborted) return this.#completed();
    const begun = this.#order.state === 'headed';
    const error = new ContractError(
      'A-37',
      `The app returned before its answer was ${begun ? 'complete: send http.response.body with more_body: false' : 'begun'}`,
      this.#refused ? { cause: this.#refused } : undefined,
    );
    this.#log.error(`The app returned too early ${this.#how()}`, { ...about(this.#exchange), error });
    throw new HttpError(500, 'The app returned too early', { cause: error });
  };

  /** A promise that is resolved already would cost two more turns of the microtasks. */
  #completed(): Promise<void> | undefined {
    return this.#complete === settled ? undefined : this.#complete;
  }

  #how(): string {
    return this.#exchange.headed ? '(the connection is cut)' : '(answered with 500)';
  }

  #receive(): Promise<HttpRequest | HttpDisconnect> {
    if (this.#reading) return this.#reading.then(() => this.#receive());
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#readAll || this.#order.state === 'done') return this.#exchange.finished.then(disconnect);
    try {
      const piece = this.#exchange.ready();
      if (piece) return Promise.resolve(this.#request(piece));
    } catch (error) {
      return this.#failed(error);
    }
    const { promise, resolve } = deferred();
    this.#reading = promise;
    return this.#piece().finally(() => {
      this.#reading = null;
      resolve();
    });
  }

  #request({ body, more }: Piece): HttpRequest {
    this.#readAll = !more;
    return { type: 'http.request', body, more_body: more };
  }

  #failed(error: unknown): Promise<HttpDisconnect> {
    if (!(error instanceof Disconnected) && this.#order.state !== 'done') {
      this.#broken = asError(error);
      return Promise.reject(this.#broken);
    }
    this.#readAll = true;
    return Promise.resolve(disconnect());
  }

  /** The next piece of the body; the disconnect where the client leaves, or the answer is complete, before it comes. */
  #piece(): Promise<HttpRequest | HttpDisconnect> {
    this.#watch();
    return new Promise((resolve) => {
      const leave = (): void => {
        this.#readAll = true;
        resolve({ type: 'http.disconnect' });
      };
      this.#leave = leave;
      this.#exchange.read().then(
        (piece) => resolve(this.#request(piece)),
        (error: unknown) => resolve(this.#failed(error)),
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
    if (!this.#order.take(event, checkHttpButHeaders)) return settled;
    switch (event.type) {
      case 'http.response.start':
        this.#start(event);
        return settled;
      case 'http.response.body':
        return this.#body(event);
      default:
        throw new ContractError('A-11', `Cannot send "${event.type}": the server does not offer it`);
    }
  }

  /** The exchange holds it until the first body: an error until then becomes a 500. */
  #start(event: HttpResponseStart): void {
    const head = checked(event);
    this.#exchange.start(head);
    this.#left = this.#exchange.head.method === 'HEAD' ? null : head.length;
  }

  #body(event: HttpResponseBody): Promise<void> {
    const more = event.more_body === true;
    if (this.#left !== null) this.#count(event.body?.length ?? 0, more, this.#left);
    const sending = sendBody(this.#exchange, event);
    if (!more) this.#complete = sending;
    return sending;
  }

  /** RFC 9112 §6.3: what a Content-Length promises is kept; too much is refused before a byte of it leaves. */
  #count(length: number, more: boolean, before: number): void {
    const left = before - length;
    if (left < 0)
      throw new ContractError(
        'A-38',
        `Cannot send ${length} bytes: the app's Content-Length leaves ${before}`,
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
  if (more === true) return chunk.length > 0 || !exchange.headed ? exchange.write(chunk) : settled;
  if (chunk.length === 0) return exchange.end();
  return exchange.finish(chunk);
}

/**
 * The app's head with names in lower case. Its transfer-encoding is ignored, as ASGI asks, and so are the other
 * fields of the connection: event streams of every framework say `connection: keep-alive`.
 */
function checked(event: HttpResponseStart): CheckedHead {
  try {
    return checkLooseHead({ status: event.status, headers: event.headers ?? empty });
  } catch (error) {
    checkHeaders(event); // says which clause it is, and shows the value
    const lengths = (event.headers ?? empty).filter(([name]) => /^content-length$/i.test(name));
    if (lengths.length === 0) throw error;
    const values = lengths.map(([, value]) => value).join(', ');
    throw new ContractError('A-38', `Cannot send the Content-Length "${values}": it is not one number`);
  }
}

function disconnect(): HttpDisconnect {
  return { type: 'http.disconnect' };
}
