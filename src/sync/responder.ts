// startResponse, write, iterate, close: one call of a sync app, played into a sink.
import { ContractError, asError } from '../core/errors.ts';
import type {
  EarlyHints,
  Environ,
  ErrorStream,
  ResponseBody,
  ResponseHeaders,
  StartResponse,
  StatusLine,
  SyncApp,
  Write,
} from './interface.ts';
import { earlyHints } from './early-hints.ts';
import { FileWrapper, fileWrapper } from './file-wrapper.ts';
import { type Head, checkHead } from './response-head.ts';

/** Where the answer goes. On a thread each call may block: that is how a slow client slows a sync app down. */
export interface Sink {
  /** Once, right before the first write or the end. */
  start(status: StatusLine, headers: ResponseHeaders): void;
  /** `held`: another write or the end follows before the app runs again, so it need not leave by itself. Empty: send the head. */
  write(chunk: Uint8Array, held: boolean): void;
  /** The whole answer in one, as most are: in place of start, write and end. */
  whole?(head: Head, chunk: Uint8Array): void;
  /** `closing`: the app's close() is still to run, and the client shall not wait for it. */
  end(closing: boolean): void;
  /** Throws Disconnected once the client is gone. */
  check(): void;
  /** Can the connection carry a 103? */
  readonly informs?: boolean;
  /** Sends one. */
  inform?(headers: ResponseHeaders): void;
}

/**
 * Calls the app. Null where its answer was whole, and the sink has it. Else what plays the rest of it, up to the app's
 * close(): it yields after each piece that it gave to the sink; a blocking driver goes on at once, one on the event loop
 * first waits until there is room. Ending it early closes the body.
 * Both throw what the app threw, or the ContractError of the clause that the app broke.
 */
export function respond(app: SyncApp, environ: Environ, sink: Sink): Generator<void, void, void> | null {
  const answer = new Answer(sink, environ.REQUEST_METHOD === 'HEAD', environ['wsgi.errors']);
  environ['wsgi.file_wrapper'] = fileWrapper;
  if (sink.informs === true) environ['wsgi.early_hints'] = answer.hints();
  let rest: Generator<void, void, void> | null = null;
  try {
    const body = bodyOf(app(environ, answer.startResponse));
    // Read once: PEP 3333 lets a server look at the iterator and at close, and at nothing else.
    const close = body.close;
    if (close === undefined && answer.single(body)) return null;
    rest = played(body, close, answer, environ['wsgi.errors']);
    return rest;
  } finally {
    if (!rest) answer.over = true;
  }
}

function* played(
  body: ResponseBody,
  close: ResponseBody['close'],
  answer: Answer,
  errors: ErrorStream,
): Generator<void, void, void> {
  let whole = false;
  try {
    try {
      yield* answer.iterate(body);
      answer.finish(typeof close === 'function');
      whole = true;
    } finally {
      if (!whole) closeAfter(body, close, errors);
    }
    close?.call(body);
  } finally {
    answer.over = true;
  }
}

/** What went wrong before is what the caller hears of; an error of close() itself goes to wsgi.errors. */
function closeAfter(body: ResponseBody, close: ResponseBody['close'], errors: ErrorStream): void {
  try {
    close?.call(body);
  } catch (error) {
    errors.write(`close() threw too: ${asError(error).stack}\n`);
  }
}

class Answer {
  /** The call is over: startResponse and write, kept by the app, do nothing any more but say so. */
  over = false;
  readonly #sink: Sink;
  readonly #errors: ErrorStream;
  readonly #headRequest: boolean;
  #called = false;
  #hints: EarlyHints | null = null;
  #head: Head | null = null;
  #sent = false;
  #bytes = 0;

  constructor(sink: Sink, headRequest: boolean, errors: ErrorStream) {
    this.#sink = sink;
    this.#headRequest = headRequest;
    this.#errors = errors;
  }

  readonly startResponse: StartResponse = (status, headers, error) => {
    if (this.over) throw new ContractError('W-50', 'startResponse was called after the answer was over');
    const excused = error !== undefined && error !== null;
    if (this.#called && !excused) {
      throw new ContractError('W-58', 'startResponse was called twice: give the error that is the reason');
    }
    if (this.#sent && excused) throw error;
    this.#called = true;
    this.#head = checkHead(status, headers);
    return this.#write;
  };

  readonly #write: Write = (chunk) => {
    if (this.over) throw new ContractError('W-70', 'write() was called after the answer was over');
    checkChunk(chunk, 'W-70', 'write() got');
    const head = this.#head;
    if (!head) throw new ContractError('W-70', 'write() was called before startResponse had a head');
    if (!this.#bodyless(head) && head.length !== null && chunk.length > head.length - this.#bytes) {
      throw new ContractError('W-79', `write() goes past the Content-Length of ${head.length}`);
    }
    if (chunk.length === 0 && !this.#sent) {
      this.#send(head);
      this.#sink.write(chunk, false);
    } else this.#pass(head, chunk, false);
  };

  /** environ['wsgi.early_hints'] */
  hints(): EarlyHints {
    return (headers) => {
      this.#hints ??= earlyHints(
        (checked) => this.#sink.inform?.(checked),
        () => this.#pastHints(),
      );
      this.#hints(headers);
    };
  }

  #pastHints(): string | null {
    if (this.over) return 'the answer is over';
    return this.#sent ? 'the head has left already' : null;
  }

  /** Is it an array of one piece, and the sink takes a whole answer? Then it has it now. */
  single(body: ResponseBody): boolean {
    const sink = this.#sink;
    if (!sink.whole || !isList(body) || body.length !== 1) return false;
    const chunk: unknown = body[0];
    const head = this.#head;
    if (!head || this.#sent || this.#bodyless(head) || !(chunk instanceof Uint8Array)) return false;
    if (head.length !== null && head.length !== chunk.length) return false;
    this.#sent = true;
    sink.whole(head.length === null ? head.measured(chunk.length) : head, chunk);
    return true;
  }

  *iterate(body: ResponseBody): Generator<void, void, void> {
    const held = isList(body);
    if (held) this.#count(body);
    for (const chunk of body instanceof FileWrapper ? this.#file(body) : body) {
      checkChunk(chunk, 'W-72', 'The app gave');
      if (chunk.length === 0) this.#sink.check();
      else {
        const head = this.#head;
        if (!head) throw new ContractError('W-64', 'The app gave a body without calling startResponse');
        this.#pass(head, chunk, held);
        if (this.#complete(head)) break;
      }
      yield;
    }
  }

  finish(closing: boolean): void {
    const head = this.#head;
    if (!head) throw new ContractError('W-64', 'The app returned without calling startResponse');
    if (!this.#bodyless(head) && head.length !== null && this.#bytes < head.length) {
      throw new ContractError(
        'W-80',
        `The app gave ${this.#bytes} bytes, and its Content-Length is ${head.length}`,
      );
    }
    this.#send(head);
    this.#sink.end(closing);
  }

  /** All pieces are there already: their length is that of the answer (PEP 3333, "Handling the Content-Length Header"). */
  #count(pieces: readonly unknown[]): void {
    const head = this.#head;
    if (!head || head.length !== null || head.bodyless || this.#sent) return;
    let length = 0;
    for (const piece of pieces) {
      checkChunk(piece, 'W-72', 'The app gave');
      length += piece.length;
    }
    this.#head = head.measured(length);
  }

  /** Our own wrapper alone may be looked at (W-74): its length may be known, and what would not be sent is not read. */
  #file(file: FileWrapper): Iterable<Uint8Array> {
    const head = this.#head;
    if (!head) return file; // its first piece is refused
    const { remaining } = file;
    if (remaining !== null && head.length === null && !head.bodyless && !this.#sent) {
      this.#head = head.measured(remaining);
    }
    const length = this.#head?.length ?? Number.POSITIVE_INFINITY;
    return file.upTo(this.#bodyless(head) ? 0 : length - this.#bytes);
  }

  #send(head: Head): void {
    if (this.#sent) return;
    this.#sent = true;
    this.#sink.start(head.status, head.headers);
  }

  #pass(head: Head, chunk: Uint8Array, held: boolean): void {
    this.#send(head);
    if (this.#bodyless(head)) return;
    const room = head.length === null ? chunk.length : head.length - this.#bytes;
    if (chunk.length > room) {
      this.#errors.write(
        `The app gave more than its Content-Length of ${head.length}: the rest is dropped [W-79]\n`,
      );
    }
    const piece = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#bytes += piece.length;
    if (piece.length > 0) this.#sink.write(piece, held);
  }

  /** Nothing that the app could still give would be sent. */
  #complete(head: Head): boolean {
    return this.#bodyless(head) || this.#bytes === head.length;
  }

  #bodyless(head: Head): boolean {
    return this.#headRequest || head.bodyless;
  }
}

const ofArrays = Array.prototype[Symbol.iterator];

/** What an array iterates over is what is in it, unless it has an iterator of its own (W-74). */
function isList(body: ResponseBody): body is ResponseBody & readonly unknown[] {
  return Array.isArray(body) && body[Symbol.iterator] === ofArrays;
}

function checkChunk(chunk: unknown, clause: string, who: string): asserts chunk is Uint8Array {
  if (chunk instanceof Uint8Array) return;
  const kind = chunk === null ? 'null' : typeof chunk;
  const hint =
    kind === 'string' ? 'encode text, as in new TextEncoder().encode(text)' : 'pieces are Uint8Array';
  throw new ContractError(clause, `${who} ${kind === 'object' ? 'an object' : `a ${kind}`}: ${hint}`);
}

function bodyOf(returned: unknown): ResponseBody {
  const wrong = whatIsWrong(returned);
  if (wrong === undefined) return returned as ResponseBody; // has an iterator; its pieces are checked one by one
  if (returned instanceof Promise) returned.catch(() => {}); // what it rejects with is not the news: this error is
  throw new ContractError('W-72', `The app returned ${wrong}`);
}

function whatIsWrong(returned: unknown): string | undefined {
  if (typeof returned === 'string') return 'a string: encode it, and return it in an array';
  if (returned === null || typeof returned !== 'object') {
    return `${returned === null ? 'null' : typeof returned}: return an array or another iterable of Uint8Array`;
  }
  if (returned instanceof Uint8Array) return 'bytes: return them in an array';
  if (returned instanceof Promise) {
    return 'a promise: it looks like an async app, or like a sync one with "async" before its function';
  }
  if (Symbol.iterator in returned) return undefined;
  if (Symbol.asyncIterator in returned) return 'an async iterable: a sync app gives a plain one';
  return 'an object that is not iterable: return an array or another iterable of Uint8Array';
}
