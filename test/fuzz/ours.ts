// Our parser, driven the way a connection drives it: what it makes of pieces of bytes.
import { HttpError } from '../../src/core/errors.ts';
import type { HeadEvent } from '../../src/http/events.ts';
import { defaultLimits, type Limits } from '../../src/http/limits.ts';
import { Parser } from '../../src/http/parser.ts';
import type { Message, Outcome } from './outcome.ts';

/** What must never happen, whatever the bytes: it is thrown as this. */
export class Misbehaviour extends Error {}

/** Ours, but for names with "_", which node lets through: they are dropped by default. */
export const fuzzed: Limits = { ...defaultLimits, underscores: 'allow' };

/** A parser that has had this head three times, and remembers it; null where it is no head of a whole request. */
export function acquainted(head: Uint8Array, limits: Limits): Parser | null {
  const parser = new Parser(limits);
  try {
    for (let time = 0; time < 3; time += 1) {
      parser.feed(head);
      const event = parser.next();
      if (event?.kind !== 'head' || event.length !== 0 || parser.buffered > 0) return null;
    }
  } catch {
    return null;
  }
  return parser;
}

/** Feeds the pieces in turn, and takes all events after each. Throws Misbehaviour. */
export function parseOurs(
  pieces: readonly Uint8Array[],
  limits: Limits,
  parser: Parser = new Parser(limits),
): Outcome {
  const reader = new Reader();
  try {
    for (const piece of pieces) {
      parser.feed(piece);
      drain(parser, reader, piece.length);
      if (reader.closed) return reader.outcome('closed');
      checkHeld(parser, limits);
    }
  } catch (error) {
    if (error instanceof HttpError) return refused(reader, error);
    if (error instanceof Misbehaviour) throw error;
    throw new Misbehaviour(`The parser threw ${String(error)}`, { cause: error });
  }
  return reader.outcome('more');
}

/** Where each message begins in `bytes`, as far as they are good. */
export function startsOf(bytes: Uint8Array, limits: Limits): number[] {
  const parser = new Parser(limits);
  const starts: number[] = [];
  let start = 0;
  try {
    parser.feed(bytes);
    for (let event = parser.next(); event; event = parser.next()) {
      if (event.kind === 'head') starts.push(start);
      start = bytes.length - parser.buffered;
    }
  } catch {
    // what is broken begins behind the last good one
  }
  if (starts.at(-1) !== start) starts.push(start);
  return starts;
}

function drain(parser: Parser, reader: Reader, size: number): void {
  // Each event takes a byte at least, of this piece or of those that waited: more events never end.
  let left = parser.buffered + size + 1;
  for (let event = parser.next(); event; event = parser.next()) {
    left -= 1;
    if (left < 0) throw new Misbehaviour('The parser gives events without an end');
    if (event.kind === 'head') reader.head(event);
    else if (event.kind === 'data') reader.data(event.bytes, event.last);
    else reader.end(event.trailers);
    if (reader.closed) return;
  }
}

/** What a parser keeps for later is bounded: a head that has not ended, or a line of trailers. */
function checkHeld(parser: Parser, limits: Limits): void {
  if (parser.buffered > Math.max(limits.maxHead, limits.maxTrailers, 2))
    throw new Misbehaviour(`The parser holds ${parser.buffered} bytes, and asks for more`);
}

function refused(reader: Reader, { status, message }: HttpError): Outcome {
  if (status < 400 || status > 599) throw new Misbehaviour(`The parser refuses with status ${status}`);
  return reader.outcome('refused', status, message);
}

/** Puts events together, and complains about those that cannot follow each other. */
class Reader {
  readonly #messages: Message[] = [];
  #head: HeadEvent | null = null;
  #body = '';
  closed = false;

  head(event: HeadEvent): void {
    if (this.#head) throw new Misbehaviour('A head came before the end of a message');
    this.#head = event;
    this.#body = '';
    if (event.length === 0) this.end([]);
  }

  data(bytes: Uint8Array, last: boolean): void {
    if (!this.#head) throw new Misbehaviour('Data came without a head');
    if (bytes.length === 0) throw new Misbehaviour('A piece of a body was empty');
    this.#body += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const { length } = this.#head;
    if (length !== null && last !== (this.#body.length === length))
      throw new Misbehaviour(
        `A piece is marked ${last ? '' : 'not '}the last at ${this.#body.length} of ${length}`,
      );
    if (last) this.end([]);
  }

  end(trailers: Message['trailers']): void {
    const message = this.#message(trailers);
    if (!message) throw new Misbehaviour('An end came without a head');
    this.#messages.push(message);
    this.#head = null;
    this.closed = !message.keepAlive;
  }

  outcome(ending: Outcome['ending'], status = 0, why = ''): Outcome {
    return { messages: this.#messages, open: this.#message([]), ending, status, why };
  }

  #message(trailers: Message['trailers']): Message | null {
    if (!this.#head) return null;
    const { head, keepAlive, expectsContinue } = this.#head;
    const { method, target, version, headers } = head;
    const query = head.query === '' ? [] : [head.query];
    const stripped = target.replace(/^https?:\/\/[^/?]*(?=(.?))/i, (_, next) => (next === '/' ? '' : '/'));
    const put = [head.path, ...query].join('?');
    if (put !== stripped && `${put}?` !== stripped)
      throw new Misbehaviour(`The target "${target}" is taken apart as "${head.path}" and "${head.query}"`);
    return { method, target, version, headers, keepAlive, expectsContinue, body: this.#body, trailers };
  }
}
