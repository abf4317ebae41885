// One socket of a node:http server and the exchanges that follow each other on it: order, deadlines, closing.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { type Deferred, deferred, settled } from '../../core/deferred.ts';
import { Disconnected, HttpError } from '../../core/errors.ts';
import type { Correction } from '../house.ts';
import type { Deadlined } from '../deadlines.ts';
import { encodeRefusal, refusalBody, refusalHeaders } from '../encoder.ts';
import type { Origin } from '../exchange.ts';
import { Pace } from '../pace.ts';
import { follow } from '../settle.ts';
import type { Carried } from '../wire.ts';
import type { NodeHouse } from './house.ts';
import { type Arrival, type Line, NodeWire } from './wire.ts';

interface Dropping {
  readonly request: IncomingMessage;
  /** socket.bytesRead when it was answered. */
  readonly from: number;
  /** performance.now() of that moment. */
  readonly since: number;
}

/** Requests that a pipelining client may have waiting before it is read from no more. */
const maxWaiting = 16;

export class NodeConnection implements Line, Deadlined {
  readonly origin: Origin;
  deadline: number = Number.POSITIVE_INFINITY;
  readonly #socket: Socket;
  readonly #house: NodeHouse;
  readonly #pace: Pace;
  readonly #left: () => void;
  readonly #waiting: Arrival[] = [];
  /** The one that is answered now. */
  #arrival: Arrival | null = null;
  #wire: NodeWire | null = null;
  #phase: 'open' | 'lingering' | 'closed' = 'open';
  #requests = 0;
  #paused = false;
  /** What is wrong with the bytes behind the requests that were good. */
  #broken: HttpError | null = null;
  #room: Deferred<void> | null = null;
  /** performance.now() since when a writer waits; 0: none does. */
  #fullSince = 0;
  /** A request that was answered before all of it came: its rest is dropped, within limits. */
  #dropping: Dropping | null = null;

  /** `left` is called once it is closed, or was given away. */
  constructor(socket: Socket, house: NodeHouse, origin: Origin, left: () => void) {
    this.#socket = socket;
    this.#left = left;
    this.#house = house;
    this.#pace = new Pace(house.limits);
    this.origin = origin;
    house.deadlines.add(this);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Not one byte has come. */
  get silent(): boolean {
    return this.#socket.bytesRead === 0;
  }

  /** Nothing of ours is under way on it. */
  get idle(): boolean {
    return this.#arrival === null;
  }

  /** One request at a time, as on our own engine: node gives out all that a client pipelines at once. */
  take(arrival: Arrival): void {
    if (this.#phase !== 'open') return; // it comes behind an answer that closes
    this.#dropping = null;
    this.deadline = Number.POSITIVE_INFINITY;
    if (!this.#arrival) return this.#begin(arrival);
    this.#waiting.push(arrival);
    if (this.#waiting.length < maxWaiting || this.#paused) return;
    this.#paused = true;
    // Node resumes the socket at each message's end: behind those that it has read it stays paused.
    setImmediate(() => {
      if (this.#paused && this.#phase === 'open') this.#socket.pause();
    });
  }

  /** Node's parser, or its clock, has given this connection up (`clientError`). */
  fail(error: HttpError | Disconnected): void {
    if (this.#phase !== 'open') return;
    if (error instanceof Disconnected) return this.#onEnd();
    const last = this.#waiting.at(-1) ?? this.#arrival;
    // Behind an answer that was given there is nothing to refuse: a second answer would be taken for the next one's.
    if (!last) return this.#dropping?.request.complete === false ? this.close() : this.#refuseSocket(error);
    this.#broken = error; // said behind the answers that come first
    if (last === this.#arrival && !last.request.complete) this.#wire?.turn.spoil(error);
  }

  /** Closes an idle connection now, and a busy one behind its answer. */
  drain(): void {
    if (this.#arrival || this.#phase !== 'open') return;
    this.close();
  }

  /** Cuts it, whatever it does. */
  destroy(why: string): void {
    this.#wire?.lost(new Disconnected(why));
    this.#socket.destroy();
  }

  /** Ends our side and reads on for a moment: closing with unread bytes would reset the answer away (RFC 9112 §9.6). */
  readonly close = (): void => {
    if (this.#phase !== 'open') return;
    this.#phase = 'lingering';
    this.#waiting.length = 0;
    const { sendTimeout, lingerTimeout } = this.#house.limits;
    this.deadline = performance.now() + sendTimeout;
    this.#socket.end(() => {
      this.deadline = performance.now() + lingerTimeout; // our side has left: now the other one's
    });
    this.#socket.resume();
  };

  /* ── what a turn asks for (Line) ── */

  waiting(reader: boolean): void {
    const now = performance.now();
    if (!reader) return this.#pace.arrived(now);
    this.#pace.wait(now);
    this.deadline = 0; // looked at in each turn of the wheel
  }

  room(): Promise<void> {
    if (!this.#isFull()) return settled;
    if (!this.#room) {
      this.#room = deferred();
      this.#room.promise.catch(() => {}); // a writer that does not wait must not end the process
      // Behind somebody else's answer on the same socket it is not the client who is late.
      if (this.#socket.writableNeedDrain || this.#arrival?.response.socket)
        this.#fullSince = performance.now();
      if (this.#phase === 'open') this.deadline = 0;
    }
    return this.#room.promise;
  }

  /** The socket is full; or in a mount, where other handlers answer before ours, node holds back what we write. */
  #isFull(): boolean {
    const { response, rest } = this.#arrival ?? {};
    return this.#socket.writableNeedDrain || (rest === null && response?.writableNeedDrain === true);
  }

  mustClose(left: number | null): boolean {
    const { maxRequests, maxDrained } = this.#house.limits;
    // Node's parser stands still once it has given out a request that asks for an upgrade.
    if (this.#house.draining || (left ?? 0) > maxDrained || this.#arrival?.rest) return true;
    return maxRequests > 0 && this.#requests >= maxRequests;
  }

  answered(turn: Carried): void {
    const request = this.#arrival?.request;
    // The last bytes of a body are seen before node says that it is complete.
    if (!request || turn.bodyDone || request.complete || turn.closing) return;
    this.#dropping = { request, from: this.#socket.bytesRead, since: performance.now() };
    this.deadline = 0;
  }

  cut(reset: boolean): void {
    this.#phase = 'closed';
    this.#full(new Disconnected());
    if (reset) this.#reset();
    else this.#socket.destroy();
  }

  released(): void {
    this.#phase = 'closed';
    this.#wire = null;
    this.#forget();
  }

  /* ── deadlines ── */

  late(now: number): void {
    const { sendTimeout, bodyRate } = this.#house.limits;
    if (this.#phase !== 'open') return this.destroy('It did not close in time');
    if (this.#fullSince > 0 && now - this.#fullSince > sendTimeout)
      return this.#tooSlow(`It took no byte for ${sendTimeout} ms`);
    if (this.#dropping) return this.#checkDropping(now, this.#dropping);
    if (!this.#pace.waiting && this.#fullSince === 0) this.deadline = Number.POSITIVE_INFINITY;
    if (this.#pace.tooSlow(now, this.#wire?.turn.received ?? 0))
      this.#wire?.turn.spoil(new HttpError(408, `The body came slower than ${bodyRate} bytes a second`));
  }

  /** What node reads of a body that nobody wants is seen here only, twice a second. */
  #checkDropping(now: number, { request, from, since }: Dropping): void {
    const { maxDrained, idleTimeout } = this.#house.limits;
    if (request.complete) this.#dropping = null;
    else if (this.#socket.bytesRead - from > maxDrained || now - since > idleTimeout) this.close();
  }

  #tooSlow(why: string): void {
    this.#house.log.debug('A client was cut', { why, client: this.origin.client?.[0] });
    this.#wire?.lost(new Disconnected(why));
    this.#reset(); // else the kernel would go on offering what it holds of the answer
  }

  /** A unix socket, which has no client's address, and TLS have no reset. */
  #reset(): void {
    if (this.origin.client && !this.origin.secure) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  /* ── what the socket says ── */

  readonly #onDrain = (): void => {
    if (!this.#isFull()) this.#full(null);
  };

  /** The client has gone, or has ended its side: it is told nothing more. */
  readonly #onEnd = (): void => {
    this.#wire?.lost(new Disconnected());
    this.close();
    this.#full(new Disconnected());
  };

  readonly #onError = (error: Error): void => {
    this.#wire?.lost(new Disconnected(undefined, { cause: error }));
  };

  readonly #onClose = (): void => {
    this.#phase = 'closed';
    this.#wire?.lost(new Disconnected());
    this.#wire = null;
    this.#waiting.length = 0;
    this.#full(new Disconnected());
    this.#forget();
  };

  /** A writer that waited goes on, or is told why it cannot. */
  #full(why: Disconnected | null): void {
    if (why) this.#room?.reject(why);
    else this.#room?.resolve();
    this.#room = null;
    this.#fullSince = 0;
  }

  #forget(): void {
    this.deadline = Number.POSITIVE_INFINITY;
    this.#socket.off('drain', this.#onDrain);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
    this.#house.deadlines.delete(this);
    this.#left();
  }

  /* ── one request after the other ── */

  #begin(arrival: Arrival): void {
    const { response, read } = arrival;
    this.#arrival = arrival;
    this.#requests += 1;
    this.#pace.reset();
    // Behind 'close' node has given the socket to the response that is next.
    if (arrival.rest === null) {
      response.once('close', () => this.#next(arrival));
      response.on('drain', this.#onDrain);
    } else {
      response.assignSocket(this.#socket);
      response.once('finish', this.close);
    }
    const said = this.#corrected(read);
    if (said instanceof HttpError) return this.#refuse(response, said);
    this.#wire = new NodeWire(this, arrival, { ...said, limits: this.#house.limits });
    const { turn } = this.#wire;
    if (this.#broken && !arrival.request.complete) turn.spoil(this.#broken);
    let served: Promise<void> | null;
    try {
      served = this.#house.handler(turn, arrival.request);
    } catch (error) {
      served = Promise.reject(error);
    }
    follow(turn, served, this.#house.log);
  }

  #corrected(read: Arrival['read']): ReturnType<Correction> | HttpError {
    if (read instanceof HttpError) return read;
    const { correct, log } = this.#house;
    try {
      return correct ? correct(read, this.origin) : { event: read, origin: this.origin };
    } catch (error) {
      if (error instanceof HttpError) return error;
      log.error('The engine failed', { error });
      return new HttpError(500, 'The request could not be read', { cause: error });
    }
  }

  /** The answer has left, or the socket is gone. */
  #next(arrival: Arrival): void {
    if (this.#arrival !== arrival) return;
    const closing = this.#wire?.turn.closing !== false; // refused, where there is no turn
    const complete = arrival.request.complete || this.#wire?.turn.bodyDone === true;
    if (this.#wire?.turn.over === false) this.#wire.lost(new Disconnected());
    this.#arrival = null;
    this.#wire = null;
    if (this.#phase === 'open') {
      if (closing || this.#house.draining) this.close();
      else this.#goOn(complete);
    }
    if (!this.#arrival) this.#house.rested();
  }

  #goOn(complete: boolean): void {
    const next = this.#waiting.shift();
    if (this.#paused && this.#waiting.length < maxWaiting / 2) {
      this.#paused = false;
      this.#socket.resume();
    }
    if (next) this.#begin(next);
    else if (this.#broken && complete) this.#refuseSocket(this.#broken);
    else if (this.#broken) this.close();
  }

  #refuse(response: ServerResponse, { status, message }: HttpError): void {
    this.#house.log.debug('A request was refused', { status, why: message, client: this.origin.client?.[0] });
    const body = Buffer.from(refusalBody(status, message), 'latin1');
    const fields = refusalHeaders(status).flat();
    response.writeHead(status, [...fields, 'content-length', String(body.length), 'connection', 'close']);
    response.end(response.req.method === 'HEAD' ? undefined : body);
  }

  /** Answers bytes that are no request, and closes. */
  #refuseSocket({ status, message }: HttpError): void {
    this.#house.log.debug('A request was refused', { status, why: message, client: this.origin.client?.[0] });
    if (this.#socket.writable) this.#socket.write(encodeRefusal(status, message), 'latin1');
    this.close();
  }
}
