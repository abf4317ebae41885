// The answer side of one exchange by way of a node:http response: what is held back, checked, and framed by node.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { type ByteString, fromLatin1, type HeaderList, latin1 } from '../../core/bytes.ts';
import { GatewayError } from '../../core/errors.ts';
import { bodiless, reasonOf } from '../../core/status.ts';
import { type AnswerSide, cannotSend, cannotStart, flushLater, tooLong, tooShort } from '../answer-side.ts';
import {
  type CheckedHead,
  checkHead,
  dateLine,
  decodeHead,
  encodeInformational,
  encodeLastChunk,
} from '../encoder.ts';
import type { HeadEvent } from '../events.ts';
import type { WholeAnswer } from '../exchange.ts';
import type { ResponseHead } from '../head.ts';

/** Pieces up to this size are copied and leave with others of the same turn; larger ones leave at once. */
const small = 4 * 1024;
const cap = 64 * 1024;

export class NodeAnswer implements AnswerSide {
  readonly #response: ServerResponse;
  /** What the request asks of its answer. */
  readonly #headOnly: boolean;
  readonly #oldClient: boolean;
  readonly #wantsKeepAlive: boolean;
  /** The client asked for 100 Continue. */
  readonly #expected: boolean;
  #head: ResponseHead | null = null;
  #checked: CheckedHead | null = null;
  /** Small pieces of the body that wait for the end of this turn. */
  #held: ByteString = '';
  /** A large piece that leaves with the end. */
  #last: Uint8Array | null = null;
  #sent = 0;
  #over = false;
  #framed = false;
  #scheduled = false;
  /** Must the connection be closed behind this answer? Asked when the head leaves. */
  closing = false;
  readonly copies = false;
  unmeasured = false;
  /** Only the close of the connection says where its body ends (HTTP/1.0 without a length). */
  endsWithClose = false;

  constructor(response: ServerResponse, { head, keepAlive, expectsContinue }: HeadEvent) {
    this.#response = response;
    this.#headOnly = head.method === 'HEAD';
    this.#oldClient = head.version === '1.0';
    this.#wantsKeepAlive = keepAlive;
    this.#expected = expectsContinue;
    response.on('error', ignore); // a write behind the end of the socket: whoever wrote is told by its promise
    response.sendDate = false; // ours is in lower case, as all that leaves
    // RFC 9112 §6.1: no chunks for HTTP/1.0. Node believes in its `TE: chunked`.
    response.useChunkedEncodingByDefault = !this.#oldClient;
  }

  get started(): boolean {
    return this.#head !== null;
  }

  /** The head has left. */
  get framed(): boolean {
    return this.#framed;
  }

  /** The head has left, or leaves at the end of this turn: nothing takes its place any more. */
  get headed(): boolean {
    return this.#framed || this.#scheduled;
  }

  /** Bytes of the body that leave: none where the request or the status wants none, whatever the app has given. */
  get bytes(): number {
    return !this.#hasBody() ? 0 : this.#sent;
  }

  get status(): number {
    return this.#head?.status ?? 0;
  }

  /** Past node, whose writeEarlyHints() sends nothing without a Link field and refuses some of those that there are. */
  inform(status: 103, headers: HeaderList): void {
    const text = encodeInformational(status, headers);
    const { socket } = this.#response;
    if (!socket) return; // the answer before this one has not left yet: hints need not be sent
    socket.write(text, 'latin1');
    uncork(socket);
  }

  start(head: ResponseHead): void {
    if (this.headed || this.#sent > 0) throw cannotStart(this.headed);
    this.#checked = checkHead(head);
    this.#head = head;
  }

  /** Forgets a head that has not left, so that another can take its place. */
  reset(): void {
    if (this.headed) return;
    this.#head = null;
    this.#checked = null;
    this.#held = '';
    this.#last = null;
    this.#sent = 0;
  }

  measure(): void {} // what leaves in parts leaves in chunks: node is told a length only where all of the body is held

  /** Takes a piece that end() follows at once. */
  hold(chunk: Uint8Array): void {
    this.#begun();
    this.#count(chunk.length);
    if (!this.#hasBody()) return;
    if (chunk.length > small) this.#last = chunk;
    else this.#held += latin1(chunk);
  }

  write(chunk: Uint8Array): void {
    this.#begun();
    this.#count(chunk.length);
    if (chunk.length === 0 || !this.#hasBody()) return this.#schedule();
    if (chunk.length > small) {
      this.#leave();
      this.#response.write(chunk);
      return;
    }
    this.#held += latin1(chunk);
    if (this.#held.length >= cap) this.flush();
    else this.#schedule();
  }

  /** Completes it. Throws where the body is shorter than the app's Content-Length: then it must be cut. */
  end(trailers: HeaderList): void {
    const { length } = this.#begun();
    if (length !== null && !this.#headOnly && this.#sent < length) {
      this.#leave();
      throw tooShort(this.#sent, length);
    }
    encodeLastChunk(trailers); // refuses what belongs into the head, or could split
    this.#leaveHead(true, trailers.length > 0);
    this.#over = true;
    if (trailers.length > 0 && this.#response.chunkedEncoding)
      this.#response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]));
    const last = this.#last;
    if (last && this.#held !== '') this.#response.write(this.#held, 'latin1');
    if (last) this.#response.end(last);
    else if (this.#held !== '') this.#response.end(this.#held, 'latin1');
    else this.#response.end();
  }

  relay({ text, blank, body }: WholeAnswer): void {
    this.start(decodeHead(text.slice(0, blank)));
    this.hold(body ? Buffer.from(body) : fromLatin1(text.slice(blank + 2)));
    this.end([]);
  }

  /** Sends what waits, and what node has corked until the end of the turn. */
  flush(): void {
    if (this.#checked && !this.#over && (this.#held !== '' || !this.#framed)) this.#leave();
    this.#scheduled = false;
    const { socket } = this.#response;
    if (socket) uncork(socket);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    flushLater(this);
  }

  /** Hands over the head and what is held. */
  #leave(): void {
    this.#leaveHead(false, false);
    if (this.#held === '') this.#response.flushHeaders();
    else this.#response.write(this.#held, 'latin1');
    this.#held = '';
  }

  #begun(): CheckedHead {
    if (!this.#checked) throw cannotSend(false);
    if (this.#over) throw cannotSend(true);
    return this.#checked;
  }

  #hasBody(): boolean {
    return !this.#headOnly && !bodiless(this.status);
  }

  #count(bytes: number): void {
    const length = this.#checked?.length ?? null;
    if (length !== null && this.#sent + bytes > length) throw tooLong(this.#sent + bytes, length);
    this.#sent += bytes;
  }

  /** Gives node the head, which leaves with the first bytes of the body. `whole`: all of the body is known. */
  #leaveHead(whole: boolean, trailed: boolean): void {
    const head = this.#head;
    if (this.#framed || !head) return;
    this.#framed = true;
    const { status, reason } = head;
    const fields: string[] = [];
    for (const [name, value] of head.headers) {
      if (status === 204 && name.toLowerCase() === 'content-length') continue; // RFC 9110 §8.6: a 204 has none
      fields.push(name, value);
    }
    if (this.#checked?.dated === false) fields.push('date', dateLine().slice('date: '.length, -2));
    if (this.#hasBody() && this.#checked?.length === null) {
      if (whole && !trailed && !this.unmeasured) fields.push('content-length', String(this.#sent));
      else if (this.#oldClient) this.endsWithClose = true;
      else fields.push('transfer-encoding', 'chunked');
    }
    if (!this.#wantsKeepAlive || this.endsWithClose) this.closing = true;
    if (this.closing) fields.push('connection', 'close');
    // Node closes behind an answer before which it has sent no 100 that was asked for, unless it is told not to.
    else if (this.#oldClient || this.#expected) fields.push('connection', 'keep-alive');
    else this.#response.removeHeader('connection'); // HTTP/1.1 keeps it anyway: node need not say so
    try {
      this.#response.writeHead(status, reason ?? reasonOf(status), fields);
    } catch (error) {
      this.#framed = false;
      const why = error instanceof Error ? error.message : '';
      throw new GatewayError('CONTRACT', `Cannot send the head: node:http refuses it: ${why}`, {
        cause: error,
      });
    }
  }
}

function ignore(): void {}

function uncork(socket: Socket): void {
  while (socket.writableCorked > 0) socket.uncork();
}
