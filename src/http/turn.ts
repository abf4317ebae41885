// A request's turn on an HTTP/1 connection, whoever parses and frames: the Exchange that both engines hand up.
import type { Duplex } from 'node:stream';

import { fromLatin1, type HeaderList, noBytes } from '../core/bytes.ts';
import { type Deferred, deferred, settled } from '../core/deferred.ts';
import { asGateway, Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import { traced } from '../core/trace.ts';
import type { AnswerSide } from './answer-side.ts';
import { refusalBody, refusalHeaders } from './encoder.ts';
import type { HeadEvent, ParserEvent } from './events.ts';
import type { Address, Bound, Exchange, Origin, Piece, TlsInfo, WholeAnswer } from './exchange.ts';
import type { RequestHead, ResponseHead } from './head.ts';
import { traceEnd, traceRequest } from './turn-trace.ts';
import type { Carried, Wire } from './wire.ts';

const none: HeaderList = [];
const bodyOver: Piece = Object.freeze({ body: noBytes, more: false });
/** A piece larger than this goes out in parts, so that a slow client is seen to make progress. */
const part = 64 * 1024;

const prefix = Date.now().toString(36);
let count = 0;

export class Turn implements Exchange, Carried {
  readonly head: RequestHead;
  readonly length: number | null;
  /** Set while the body's end is taken. */
  trailers: HeaderList = none;
  /** Why the answer was cut, where its app is to blame. */
  broken: GatewayError | null = null;
  readonly #wire: Wire;
  readonly #origin: Origin;
  readonly #answer: AnswerSide;
  readonly #number: number = ++count;
  #state: 'open' | 'done' | 'lost' | 'upgraded' = 'open';
  /** Does the client wait for a 100 before it sends the body? */
  #expects: boolean;
  #bodyDone: boolean;
  #received = 0;
  /** An event that was looked at ahead. */
  #ahead: ParserEvent | null = null;
  #reader: Deferred<Piece> | null = null;
  #fault: GatewayError | null = null;
  #behind: Promise<void> | null = null;
  #finished: Deferred<void> | null = null;
  #gone: AbortController | null = null;

  constructor(wire: Wire, event: HeadEvent, origin: Origin) {
    this.#wire = wire;
    this.#origin = origin;
    this.head = event.head;
    this.length = event.length;
    this.#expects = event.expectsContinue;
    this.#bodyDone = event.length === 0;
    this.#answer = wire.answerTo(event);
    if (traced()) traceRequest(this);
  }

  get id(): string {
    return `${prefix}-${this.#number.toString(36)}`;
  }
  get secure(): boolean {
    return this.#origin.secure;
  }
  get client(): Address | null {
    return this.#origin.client;
  }
  get server(): Bound | null {
    return this.#origin.server;
  }
  get tls(): TlsInfo | null {
    return this.#origin.tls;
  }
  get ticket(): Exchange['ticket'] {
    return this.#wire.ticket;
  }
  get headed(): boolean {
    return this.#answer.headed;
  }
  get copies(): boolean {
    return this.#answer.copies;
  }
  get closing(): boolean {
    return this.#answer.closing;
  }
  get bodyDone(): boolean {
    return this.#bodyDone;
  }
  /** A read waits for the client. */
  get reading(): boolean {
    return this.#reader !== null;
  }
  get received(): number {
    return this.#received;
  }
  get status(): number {
    return this.#answer.status;
  }
  get bytes(): number {
    return this.#answer.bytes;
  }
  get over(): boolean {
    return this.#state !== 'open';
  }
  get finished(): Promise<void> {
    if (this.over) return settled;
    this.#finished ??= deferred();
    return this.#finished.promise;
  }
  get gone(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#state === 'lost') this.#gone.abort(this.#fault ?? new Disconnected());
    return this.#gone.signal;
  }

  read(): Promise<Piece> {
    try {
      const piece = this.ready();
      if (piece) return Promise.resolve(piece);
      this.#reader = deferred();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#wire.waiting(true);
    return this.#reader.promise;
  }

  ready(): Piece | null {
    if (this.#fault) throw this.#fault;
    if (this.#bodyDone) return bodyOver;
    if (this.over) throw this.#unreadable(); // what comes now belongs to the next request
    if (this.#reader) throw new GatewayError('CONTRACT', 'Cannot read the body: another read waits for it');
    this.#sayContinue();
    try {
      return this.#piece();
    } catch (error) {
      this.#fault = asGateway(error);
      throw error;
    }
  }

  inform(status: 103, headers: HeaderList): void {
    if (!this.headed && !this.over && this.head.version !== '1.0') this.#answer.inform(status, headers);
  }

  start(head: ResponseHead): void {
    if (this.#state === 'lost') throw this.#fault ?? new Disconnected();
    this.#answer.start(head);
  }

  write(chunk: Uint8Array): Promise<void> {
    if (!this.#behind && chunk.length <= part) return this.#put(chunk);
    return this.#queue(() => (chunk.length <= part ? this.#put(chunk) : this.#putParts(chunk)));
  }

  finish(chunk: Uint8Array, measured = true): Promise<void> {
    if (!measured) this.#answer.unmeasured = true;
    else if (!this.#behind && chunk.length > part && this.bytes === 0) this.#answer.measure(chunk.length);
    if (this.#behind || chunk.length > part)
      return this.#queue(() => this.#putParts(chunk).then(() => this.#complete(none)));
    const refused = this.#refuses();
    try {
      if (refused) throw refused;
      this.#answer.hold(chunk);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#complete(none);
  }

  relay(answer: WholeAnswer): Promise<void> {
    const refused = this.#refuses();
    try {
      if (refused) throw refused;
      this.#decide(true);
      this.#answer.relay(answer);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#completed();
  }

  flush(): void {
    if (!this.over) this.#answer.flush();
  }

  end(trailers: HeaderList = none): Promise<void> {
    return this.#behind ? this.#queue(() => this.#complete(trailers)) : this.#complete(trailers);
  }

  upgrade(): { readonly socket: Duplex; readonly rest: Uint8Array } {
    if (this.over) throw this.#fault ?? new GatewayError('CLOSED', 'Cannot upgrade: the exchange is over');
    if (this.#answer.started) throw new GatewayError('CONTRACT', 'Cannot upgrade: an answer has started');
    const given = this.#wire.release(this);
    this.#finish('upgraded');
    return given;
  }

  fail(why: GatewayError): void {
    if (this.headed || why instanceof Disconnected) this.abort(why);
    else this.refuse(why instanceof HttpError ? why.status : 500, why.message);
  }

  abort(why: GatewayError): void {
    if (this.over) return;
    const { headed } = this;
    if (headed) this.#answer.flush();
    this.lost(why);
    this.#wire.cut(this, headed);
  }

  /** New bytes have come: gives them to a read that waits. */
  deliver(): void {
    const reader = this.#reader;
    if (!reader) return;
    try {
      const piece = this.#piece();
      if (!piece) return;
      this.#settleReader();
      reader.resolve(piece);
    } catch (error) {
      this.spoil(asGateway(error));
    }
  }

  /** The body can never be complete: reads fail from now on. The answer may still be given. */
  spoil(why: GatewayError): void {
    this.#fault = why;
    const reader = this.#reader;
    this.#settleReader();
    reader?.reject(why);
  }

  /** The client is gone, or the exchange was cut: everything that waits is told. */
  lost(why: GatewayError): void {
    if (this.over) return;
    this.spoil(why);
    this.#finish('lost');
    this.#gone?.abort(why);
  }

  /** Answers with what the engine has to say, in place of a head that has not left. */
  refuse(status: number, message: string): void {
    if (this.over || this.headed) return;
    this.#answer.reset();
    this.#answer.start({ status, headers: refusalHeaders(status) });
    void this.finish(fromLatin1(refusalBody(status, message)));
  }

  /** What a write or an end is refused with. */
  #refuses(): GatewayError | null {
    if (this.#state === 'lost') return this.#fault ?? new Disconnected();
    if (this.#state === 'open') return null;
    return new GatewayError('CLOSED', 'Cannot send a body: the answer is complete');
  }

  #put(chunk: Uint8Array): Promise<void> {
    const refused = this.#refuses();
    if (refused) return Promise.reject(refused);
    try {
      this.#decide(false);
      this.#answer.write(chunk);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wire.room();
  }

  async #putParts(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += part) {
      await this.#put(chunk.subarray(at, Math.min(at + part, chunk.length)));
    }
  }

  #complete(trailers: HeaderList): Promise<void> {
    const refused = this.#refuses();
    if (refused) return Promise.reject(refused);
    try {
      this.#decide(true);
      this.#answer.end(trailers);
    } catch (error) {
      if (this.headed) {
        this.broken = asGateway(error);
        this.abort(this.broken);
      }
      return Promise.reject(error);
    }
    return this.#completed();
  }

  /** The whole answer is handed over: until there is room again. */
  #completed(): Promise<void> {
    this.#finish('done');
    this.#wire.answered(this);
    const room = this.#wire.room();
    return room === settled ? room : room.catch(() => {});
  }

  /** Behind a large chunk whose parts have not all left: what its app did not wait for keeps its order. */
  #queue(work: () => Promise<void>): Promise<void> {
    const mine = (this.#behind ?? settled).then(work);
    const over = mine
      .catch(() => {}) // whoever asked for it hears of it
      .finally(() => {
        if (this.#behind === over) this.#behind = null;
      });
    this.#behind = over;
    return mine;
  }

  /** Keeps the connection, or not: said in the head, so decided before it leaves. */
  #decide(last: boolean): void {
    if (this.#answer.framed) return;
    const left = this.#bodyDone ? 0 : this.length === null ? null : this.length - this.#received;
    // A client that was never told to continue may or may not send its body: nobody can tell where the next request begins.
    const unsure = this.#expects && !this.#bodyDone;
    if (unsure || this.#fault !== null || this.#wire.mustClose(last ? left : 0)) this.#answer.closing = true;
  }

  #sayContinue(): void {
    if (!this.#expects) return;
    this.#expects = false;
    this.#wire.sayContinue(this);
  }

  /** The next piece, with the end of a chunked body seen early where it has come already. */
  #piece(): Piece | null {
    const event = this.#event();
    if (!event) return null;
    if (event.kind !== 'data') {
      this.#bodyEnded(event);
      return { body: noBytes, more: false };
    }
    this.#received += event.bytes.length;
    this.#bodyDone = event.last;
    if (!event.last && this.length === null) this.#lookAhead();
    return { body: event.bytes, more: !this.#bodyDone };
  }

  #event(): ParserEvent | null {
    const ahead = this.#ahead;
    if (!ahead) return this.#wire.take();
    this.#ahead = null;
    return ahead;
  }

  #lookAhead(): void {
    try {
      const next = this.#wire.take();
      if (next?.kind === 'end') this.#bodyEnded(next);
      else this.#ahead = next;
    } catch (error) {
      this.#fault = asGateway(error); // the next read says so
    }
  }

  #bodyEnded(event: ParserEvent): void {
    this.#bodyDone = true;
    if (event.kind === 'end') this.trailers = event.trailers;
  }

  #settleReader(): void {
    if (!this.#reader) return;
    this.#reader = null;
    this.#wire.waiting(false);
  }

  #unreadable(): GatewayError {
    const why = this.#state === 'upgraded' ? 'the socket was given away' : 'the answer is complete';
    return new GatewayError('CLOSED', `Cannot read the body: ${why}`);
  }

  #finish(state: 'done' | 'lost' | 'upgraded'): void {
    this.#state = state;
    if (this.#reader) this.spoil(this.#unreadable());
    this.#finished?.resolve();
    if (!traced()) return;
    const status = state === 'upgraded' ? 101 : this.status;
    traceEnd(this, status, state === 'lost' ? (this.#fault?.message ?? 'lost') : null);
  }
}
