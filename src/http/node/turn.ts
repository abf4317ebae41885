// A node:http request and its response as an Exchange: the twin of turn.ts, where node frames and parses.
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { fromLatin1, type HeaderList, noBytes } from '../../core/bytes.ts';
import { type Deferred, deferred } from '../../core/deferred.ts';
import { asGateway, Disconnected, GatewayError } from '../../core/errors.ts';
import { publish, traced } from '../../core/trace.ts';
import { refusalBody, refusalHeaders } from '../encoder.ts';
import type { HeadEvent, ParserEvent } from '../events.ts';
import type { Address, Bound, Exchange, Origin, Piece, TlsInfo } from '../exchange.ts';
import type { RequestHead, ResponseHead } from '../head.ts';
import { NodeAnswer } from './answer.ts';
import type { Inflow } from './inflow.ts';

/** What a turn needs of its connection. */
export interface NodeWire {
  /** A read waits for the client, or no longer does. */
  waiting(reader: boolean): void;
  /** Resolves when the socket has room; rejects with Disconnected. */
  room(): Promise<void>;
  /** Must the connection close behind this answer, whose unread body may have `left` more bytes (null: unknown)? */
  mustClose(left: number | null): boolean;
  /** Its answer is with node, all of it. */
  answered(turn: NodeTurn): void;
  cut(turn: NodeTurn): void;
  /** Throws GatewayError where node has kept the socket. */
  release(turn: NodeTurn): { socket: Duplex; rest: Uint8Array };
}

export interface NodeTurnOptions {
  readonly origin: Origin;
  readonly event: HeadEvent;
  readonly response: ServerResponse;
  /** Made by the turn, which hears of what comes. */
  readonly inflow: (arrived: () => void) => Inflow;
  /** Node has sent 100 Continue already. */
  readonly continued: boolean;
}

const done: Promise<void> = Promise.resolve();
const bodyOver: Piece = { body: noBytes, more: false };
/** A piece larger than this goes out in parts, so that a slow client is seen to make progress. */
const part = 64 * 1024;

const prefix = `node-${Date.now().toString(36)}`;
let count = 0;

export class NodeTurn implements Exchange {
  readonly head: RequestHead;
  readonly length: number | null;
  readonly id: string = `${prefix}-${(++count).toString(36)}`;
  /** Set while the body's end is taken. */
  trailers: HeaderList = [];
  /** Why the answer was cut, where its app is to blame. */
  broken: GatewayError | null = null;
  readonly #wire: NodeWire;
  readonly #origin: Origin;
  readonly #response: ServerResponse;
  readonly #answer: NodeAnswer;
  readonly #inflow: Inflow;
  #state: 'open' | 'done' | 'lost' | 'upgraded' = 'open';
  /** Does the client wait for a 100 before it sends the body? */
  #expects: boolean;
  #bodyDone: boolean;
  #received = 0;
  #reader: Deferred<Piece> | null = null;
  #fault: GatewayError | null = null;
  #behind: Promise<void> | null = null;
  #finished: Deferred<void> | null = null;
  #gone: AbortController | null = null;

  constructor(wire: NodeWire, { event, origin, response, inflow, continued }: NodeTurnOptions) {
    const { head, length, keepAlive, expectsContinue } = event;
    this.#wire = wire;
    this.#origin = origin;
    this.#response = response;
    this.head = head;
    this.length = length;
    this.#expects = expectsContinue && !continued;
    this.#bodyDone = length === 0;
    const asked = {
      headOnly: head.method === 'HEAD',
      oldClient: head.version === '1.0',
      wantsKeepAlive: keepAlive,
    };
    this.#answer = new NodeAnswer(response, asked, expectsContinue);
    this.#inflow = inflow(() => this.#deliver());
    if (traced()) this.#traceRequest();
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
  get headed(): boolean {
    return this.#answer.headed;
  }
  get closing(): boolean {
    return this.#answer.closing;
  }
  get endsWithClose(): boolean {
    return this.#answer.endsWithClose;
  }
  get bodyDone(): boolean {
    return this.#bodyDone;
  }
  get received(): number {
    return this.#received;
  }
  get inflow(): Inflow {
    return this.#inflow;
  }
  get over(): boolean {
    return this.#state !== 'open';
  }
  get finished(): Promise<void> {
    if (this.over) return done;
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
    } catch (error) {
      return Promise.reject(error);
    }
    this.#reader = deferred();
    this.#wire.waiting(true);
    return this.#reader.promise;
  }

  ready(): Piece | null {
    if (this.#fault) throw this.#fault;
    if (this.#bodyDone) return bodyOver;
    if (this.#state === 'upgraded')
      throw new GatewayError('CLOSED', 'Cannot read the body: the socket was given away');
    if (this.#reader) throw new GatewayError('CONTRACT', 'Cannot read the body: another read waits for it');
    this.#sayContinue();
    try {
      return this.#piece();
    } catch (error) {
      this.#fault = asGateway(error);
      throw error;
    }
  }

  inform(_status: 103, headers: HeaderList): void {
    if (this.headed || this.over || this.head.version === '1.0') return;
    this.#answer.inform(headers);
  }

  start(head: ResponseHead): void {
    if (this.#state === 'lost') throw this.#fault ?? new Disconnected();
    this.#answer.start(head);
  }

  write(chunk: Uint8Array): Promise<void> {
    if (!this.#behind && chunk.length <= part) return this.#put(chunk);
    return this.#queue(() => (chunk.length <= part ? this.#put(chunk) : this.#putParts(chunk)));
  }

  finish(chunk: Uint8Array): Promise<void> {
    if (this.#behind || chunk.length > part)
      return this.#queue(() => this.#putParts(chunk).then(() => this.#complete([])));
    const refused = this.#refuses();
    if (refused) return Promise.reject(refused);
    try {
      this.#answer.hold(chunk);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#complete([]);
  }

  flush(): void {
    if (!this.over) this.#answer.flush();
  }

  end(trailers: HeaderList = []): Promise<void> {
    return this.#behind ? this.#queue(() => this.#complete(trailers)) : this.#complete(trailers);
  }

  upgrade(): { readonly socket: Duplex; readonly rest: Uint8Array } {
    if (this.over) throw this.#fault ?? new GatewayError('CLOSED', 'Cannot upgrade: the exchange is over');
    if (this.#answer.started) throw new GatewayError('CONTRACT', 'Cannot upgrade: an answer has started');
    const released = this.#wire.release(this);
    this.#finish('upgraded');
    return released;
  }

  abort(why: GatewayError): void {
    if (this.over) return;
    if (this.headed) this.#answer.flush();
    this.lost(why);
    this.#wire.cut(this);
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
    this.#finish('done');
    this.#wire.answered(this);
    return this.#wire.room().catch(() => {});
  }

  /** Behind a large chunk whose parts have not all left: what its app did not wait for keeps its order. */
  #queue(work: () => Promise<void>): Promise<void> {
    const mine = (this.#behind ?? done).then(work);
    const settled = mine
      .catch(() => {}) // whoever asked for it hears of it
      .finally(() => {
        if (this.#behind === settled) this.#behind = null;
      });
    this.#behind = settled;
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
    // What came with the head is parsed behind it: by the next turn of the loop it is seen.
    setImmediate(() => {
      if (this.over || this.headed || this.#received + this.#inflow.buffered > 0 || this.#bodyDone) return;
      this.#response.writeContinue();
    });
  }

  /** Something has come: gives it to a read that waits. */
  #deliver(): void {
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

  /** The next piece, with the end of a chunked body seen early where it has come already. */
  #piece(): Piece | null {
    const event = this.#inflow.take();
    if (!event) return null;
    if (event.kind !== 'data') {
      this.#bodyEnded(event);
      return { body: noBytes, more: false };
    }
    this.#received += event.bytes.length;
    this.#bodyDone = event.last;
    if (!event.last && this.#inflow.atEnd) this.#lookAhead();
    return { body: event.bytes, more: !this.#bodyDone };
  }

  #lookAhead(): void {
    try {
      const end = this.#inflow.take();
      if (end) this.#bodyEnded(end);
    } catch {
      // trailers that are refused: the next read says so
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

  #finish(state: 'done' | 'lost' | 'upgraded'): void {
    this.#state = state;
    if (state !== 'upgraded') this.#inflow.close();
    this.#finished?.resolve();
    if (traced()) this.#trace(state);
  }

  #traceRequest(): void {
    const { method, target, version } = this.head;
    const peer = this.client;
    const client = peer ? `${peer[0]}:${peer[1]}` : '-';
    publish({
      at: performance.now(),
      id: this.id,
      lane: 'loop',
      kind: 'request',
      method,
      target,
      version,
      client,
    });
  }

  #trace(state: 'done' | 'lost' | 'upgraded'): void {
    const { id } = this;
    const { bytes } = this.#answer;
    const status = state === 'upgraded' ? 101 : this.#answer.status;
    const at = performance.now();
    if (status > 0) publish({ at, id, lane: 'loop', kind: 'response', status });
    publish({
      at,
      id,
      lane: 'loop',
      kind: 'end',
      bytes,
      ...(state === 'lost' && { error: this.#fault?.message ?? 'lost' }),
    });
  }
}
