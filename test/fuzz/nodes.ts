// Node's own HTTP server, fed without a socket: what it makes of pieces of bytes, with its default options.
import { type IncomingMessage, METHODS, Server, ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';

import type { Fields, Message, Outcome } from './outcome.ts';

/** The methods that this node knows; it refuses all others. */
export const knownMethods: ReadonlySet<string> = new Set(METHODS);

interface Seen {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the server answered by itself; 0 where it handed the request to a handler. */
  status: number;
  expectsContinue: boolean;
}

/** One stream of bytes that is being parsed. All of it happens within one turn of the loop: there is one at a time. */
interface Stream {
  readonly seen: Seen[];
  fault: string | null;
}
let stream: Stream = { seen: [], fault: null };

/** Sees every request whose head was read, those too that the server answers by itself (no Host, 417). */
class Watched extends ServerResponse {
  constructor(...given: ConstructorParameters<typeof ServerResponse>) {
    super(...given);
    // a server's response has the request that it was made for
    const request = given[0] as IncomingMessage;
    stream.seen.push({ request, response: this, status: 0, expectsContinue: false });
  }

  override writeHead(status: number, ...rest: unknown[]): this {
    const seen = stream.seen.find(({ response }) => response === this);
    if (seen) seen.status = status;
    // its overloads differ in what follows the status only
    return (super.writeHead as (status: number, ...rest: unknown[]) => this).call(this, status, ...rest);
  }
}

/** Bytes are emitted, not pushed: a push is looked at in the next turn of the loop only. */
class Wire extends Duplex {
  override _read(): void {}

  override _write(_bytes: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
}

const server = new Server({ ServerResponse: Watched }, () => {});
server.on('checkContinue', (_request, response: ServerResponse) => {
  const seen = stream.seen.find((each) => each.response === response);
  if (seen) seen.expectsContinue = true;
});
server.on('clientError', (error: NodeJS.ErrnoException) => {
  stream.fault ??= error.code ?? error.message;
});

/** Feeds the pieces in turn. Callers let the loop turn now and then: what was used is freed there. */
export function parseNodes(pieces: readonly Uint8Array[]): Outcome {
  const mine: Stream = { seen: [], fault: null };
  stream = mine;
  const wire = new Wire();
  server.emit('connection', wire);
  for (const piece of pieces) {
    if (mine.fault !== null || wire.destroyed) break;
    wire.emit('data', Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  }
  // A CONNECT that nobody listens for is cut without a word.
  const fault = mine.fault ?? (wire.destroyed ? 'DESTROYED' : null);
  const outcome = outcomeOf(mine.seen, fault);
  wire.destroy();
  return outcome;
}

function outcomeOf(seen: readonly Seen[], fault: string | null): Outcome {
  const messages: Message[] = [];
  for (const each of seen) {
    if (each.status > 0)
      return { messages, open: null, ending: 'refused', status: each.status, why: `${each.status}` };
    const message = messageOf(each);
    if (!each.request.complete) {
      const ending = fault === null ? 'more' : 'refused';
      return { messages, open: message, ending, status: fault === null ? 0 : 400, why: fault ?? '' };
    }
    messages.push(message);
    if (!message.keepAlive) return { messages, open: null, ending: 'closed', status: 0, why: '' };
  }
  if (fault === null) return { messages, open: null, ending: 'more', status: 0, why: '' };
  return { messages, open: null, ending: 'refused', status: 400, why: fault };
}

function messageOf({ request, response, expectsContinue }: Seen): Message {
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersion,
    headers: pairs(request.rawHeaders),
    keepAlive: response.shouldKeepAlive,
    expectsContinue,
    body: bodyOf(request),
    trailers: pairs(request.rawTrailers),
  };
}

/** All that has come by now: read() gives it in one on some versions of node, and piece by piece on others. */
function bodyOf(request: IncomingMessage): string {
  let body = '';
  for (let piece: Buffer | null = request.read(); piece; piece = request.read())
    body += piece.toString('latin1');
  return body;
}

function pairs(raw: readonly string[]): Fields {
  const fields: Array<readonly [string, string]> = [];
  for (let at = 0; at < raw.length; at += 2) fields.push([(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '']);
  return fields;
}
