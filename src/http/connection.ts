// One socket and the exchanges that follow each other on it: keep-alive, pipelining, deadlines, closing.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { ByteString } from '../core/bytes.ts';
import { Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import { Answer, type Outlet } from './answer.ts';
import type { AnswerSide } from './answer-side.ts';
import { weigh } from './ballast.ts';
import type { Deadlined } from './deadlines.ts';
import { encodeInformational, encodeRefusal } from './encoder.ts';
import type { HeadEvent, ParserEvent } from './events.ts';
import type { Origin } from './exchange.ts';
import type { Correction, House } from './house.ts';
import { Outflow } from './outflow.ts';
import { Pace } from './pace.ts';
import { Parser } from './parser.ts';
import { follow } from './settle.ts';
import { releaseSlab, type Slab } from './slab.ts';
import { tap, untap } from './tap.ts';
import type { Newcomer, Ticket } from './ticket.ts';
import { Turn } from './turn.ts';
import type { Carried, Wire } from './wire.ts';

export class Connection implements Wire, Outlet, Deadlined, Newcomer {
  readonly origin: Origin;
  deadline: number;
  readonly #socket: Socket;
  readonly #house: House;
  readonly #parser: Parser;
  #turn: Turn | null = null;
  #phase: 'open' | 'lingering' | 'closed' = 'open';
  #requests = 0;
  #advancing = false;
  /** The rest of a body that nobody read is dropped; how much of it was. */
  #dropping = false;
  #dropped = 0;
  /** Idle, and its deadline has not begun to run. */
  #resting = false;
  /** A head has begun, and its deadline runs. */
  #inHead = false;
  #paused = false;
  #pausedSince = 0; // by performance.now()
  /** What comes behind the request is dropped, and the connection closed behind its answer. */
  #deaf = false;
  readonly #out: Outflow;
  readonly #pace: Pace;
  /** For the first request. */
  #ticket: Ticket | null = null;

  constructor(socket: Socket, house: House, origin: Origin) {
    this.#socket = socket;
    this.#house = house;
    this.#parser = new Parser(house.limits);
    this.#pace = new Pace(house.limits);
    this.#out = new Outflow(socket, origin.secure);
    this.origin = origin;
    this.deadline = performance.now() + house.limits.headTimeout;
    house.deadlines.add(this);
    socket.on('data', this.#onData);
    tap(socket, this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
    if (house.arrived) this.#ticket = house.arrived(this);
  }

  /** Closes an idle connection now, and a busy one behind its answer. */
  drain(): void {
    if (this.#turn || this.#phase !== 'open') return;
    this.#close();
    this.#socket.destroySoon(); // nothing is under way: nobody has to be waited for
  }

  giveUp(): void {
    if (this.#requests === 0 && this.#phase === 'open') this.#stopWaiting();
  }

  /** Cuts it, whatever it does. */
  destroy(why: string): void {
    this.#turn?.lost(new Disconnected(why));
    this.#turn = null;
    this.#socket.destroy();
  }

  /* ── what a turn asks for (Wire) ── */

  answerTo({ head, keepAlive }: HeadEvent): AnswerSide {
    return new Answer(this, head.method === 'HEAD', head.version === '1.0', keepAlive);
  }

  get ticket(): Ticket | null {
    return this.#requests === 1 ? this.#ticket : null;
  }

  take(): ParserEvent | null {
    const event = this.#parser.next();
    if (this.#paused && this.#parser.buffered <= this.#house.limits.maxBuffered / 2) this.#resume();
    return event;
  }

  sayContinue({ headed }: Carried): void {
    if (!headed && this.#parser.buffered === 0) this.emitText(encodeInformational(100, []));
  }

  waiting(reader: boolean): void {
    const now = performance.now();
    if (!reader) return this.#pace.arrived(now);
    if (this.#paused) this.#resume();
    this.#pace.wait(now);
    this.deadline = 0;
  }

  room(): Promise<void> {
    const room = this.#out.room();
    if (this.#out.fullSince > 0 && this.#phase === 'open') this.deadline = 0; // looked at in each turn of the wheel
    return room;
  }

  mustClose(left: number | null): boolean {
    const { maxRequests, maxDrained } = this.#house.limits;
    if (this.#deaf || this.#house.draining || (left ?? 0) > maxDrained) return true;
    return maxRequests > 0 && this.#requests >= maxRequests;
  }

  answered(turn: Carried): void {
    if (this.#turn !== turn) return;
    this.#turn = null;
    this.#pace.reset();
    if (turn.closing || this.#deaf || this.#house.draining) return this.#close();
    this.#dropping = !turn.bodyDone;
    this.#dropped = 0;
    this.#rest();
    this.#advance();
  }

  cut(turn: Carried, headed: boolean): void {
    if (this.#turn === turn) this.#turn = null;
    this.#out.flush();
    this.#phase = 'closed';
    this.#out.closed();
    // A FIN would end a body that is framed by the close of the connection: only a reset says that it is broken.
    if (headed && turn.closing) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  release(turn: Carried): { socket: Duplex; rest: Uint8Array } {
    if (this.#deaf)
      throw new GatewayError('CLOSED', 'Cannot upgrade: what the client sent meanwhile was too much to hold');
    if (this.#turn === turn) this.#turn = null;
    const socket = this.#socket;
    this.#phase = 'closed';
    this.deadline = Number.POSITIVE_INFINITY;
    socket.off('data', this.#onData);
    untap(socket);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    socket.off('drain', this.#onDrain);
    socket.pause();
    this.#house.deadlines.delete(this);
    this.#house.left(this);
    return { socket, rest: this.#parser.rest() };
  }

  /* ── what an answer sends (Outlet) ── */

  emitText(text: ByteString): void {
    if (this.#phase === 'open') this.#out.text(text, this.#parser.buffered > 0); // more requests wait behind this one
  }

  emitBytes(before: ByteString, bytes: Uint8Array, after: ByteString): void {
    if (this.#phase === 'open') this.#out.bytes(before, bytes, after);
  }

  emitSlab(before: ByteString, slab: Slab, after: ByteString): void {
    if (this.#phase === 'open') this.#out.slab(before, slab, after);
    else releaseSlab(slab);
  }

  /* ── what the socket says ── */

  readonly #onData = (bytes: Buffer): void => {
    if (this.#phase !== 'open' || this.#deaf) return; // lingering: read, so that the client gets its answer, and dropped
    weigh(bytes.length);
    this.#parser.feed(bytes);
    if (this.#turn) this.#turn.deliver();
    else this.#advance();
    if (this.#parser.buffered > this.#house.limits.maxBuffered) this.#pause();
  };

  /** Not while somebody waits for what is to come: the rest of a head (which has a limit of its own), or of a piece. */
  #pause(): void {
    if (this.#phase !== 'open' || (this.#turn ? this.#turn.reading : this.#roomForNext())) return;
    this.#paused = true;
    this.#pausedSince = performance.now();
    this.deadline = Math.min(this.deadline, this.#pausedSince + this.#house.limits.headTimeout);
    this.#socket.pause();
  }

  readonly #onEnd = (): void => {
    this.#turn?.lost(new Disconnected());
    this.#turn = null;
    this.#close();
    this.#out.closed();
    this.#socket.destroySoon(); // once what was answered before has left, or its deadline has passed
  };

  readonly #onError = (error: Error): void => {
    this.#turn?.lost(new Disconnected(undefined, { cause: error }));
    this.#turn = null;
  };

  readonly #onClose = (): void => {
    this.#phase = 'closed';
    this.#turn?.lost(new Disconnected());
    this.#turn = null;
    this.#returnTicket();
    this.#out.closed();
    this.#house.deadlines.delete(this);
    this.#house.left(this);
  };

  readonly #onDrain = (): void => {
    this.#out.drained();
    if (this.#turn) return;
    if (this.#inHead) this.deadline = performance.now() + this.#house.limits.headTimeout;
    else this.#rest();
    this.#advance();
  };

  /* ── deadlines ── */

  late(now: number): void {
    if (this.#phase !== 'open' && this.#socket.writableLength > 0) return this.#tooSlow('It took no answer');
    if (this.#phase !== 'open') return this.destroy('It did not close in time');
    const { sendTimeout } = this.#house.limits;
    const { fullSince } = this.#out;
    if (fullSince > 0 && now - fullSince > sendTimeout)
      return this.#tooSlow(`It took no byte for ${sendTimeout} ms`);
    if (this.#turn) return this.#checkBody(now);
    if (fullSince > 0) return; // it is to take what it was sent, before it is asked for more
    if (this.#inHead || !this.#resting) return this.#stopWaiting();
    this.#resting = false;
    this.deadline = now + this.#house.limits.idleTimeout;
  }

  #stopWaiting(): void {
    if (this.#inHead) this.#refuse(new HttpError(408, 'The request did not come in time'));
    else this.#close();
  }

  /** Idle from the next turn of the wheel on, so that no request has to ask for the time (0.04 µs of it). */
  #rest(): void {
    this.#resting = true;
    this.deadline = 0;
  }

  /** From the first byte of a head on, and whatever comes after it. */
  #startHead(): void {
    this.#inHead = true;
    this.deadline = performance.now() + this.#house.limits.headTimeout;
  }

  #checkBody(now: number): void {
    const { headTimeout } = this.#house.limits;
    if (this.#paused && this.#turn?.bodyDone && now - this.#pausedSince >= headTimeout) this.#stopListening();
    if (!this.#pace.waiting && this.#out.fullSince === 0)
      this.deadline = this.#paused ? now + headTimeout : Number.POSITIVE_INFINITY;
    if (!this.#pace.tooSlow(now, this.#turn?.received ?? 0)) return;
    this.#turn?.spoil(
      new HttpError(408, `The body came slower than ${this.#house.limits.bodyRate} bytes a second`),
    );
  }

  /**
   * A socket that is not read does not say that its client has left: who has sent more than is held behind one request,
   * which takes so long, would keep its app waiting for ever. RFC 9112 §9.3.2: it asks again for what it gets no answer to.
   */
  #stopListening(): void {
    this.#deaf = true;
    this.#parser.rest();
    this.#resume();
  }

  #tooSlow(why: string): void {
    this.#house.log.debug('A client was cut', { why, client: this.origin.client?.[0] });
    this.#turn?.lost(new Disconnected(why));
    this.#turn = null;
    // Without a reset the kernel would go on offering what it holds of the answer, 4 MiB a client, with nobody to end it.
    this.#socket.resetAndDestroy();
  }

  /* ── one request after the other ── */

  /** Takes the next head, if it is there; drops what is left of the body before it. */
  #advance(): void {
    if (this.#advancing || !this.#roomForNext()) return;
    if (this.#paused) this.#resume(); // what is here may be less than a head
    this.#advancing = true;
    try {
      while (!this.#turn && this.#phase === 'open') {
        const event = this.#parser.next();
        if (!event) break;
        if (event.kind === 'head') this.#begin(event);
        else this.#drop(event);
        if (!this.#turn && !this.#roomForNext()) break;
      }
      if (!this.#turn && !this.#inHead && this.#parser.inHead) this.#startHead();
    } catch (error) {
      // Behind an answer that was given there is nothing to refuse: a second answer would be taken for the next one's.
      if (this.#dropping) this.#close();
      else this.#refuse(error);
    } finally {
      this.#advancing = false;
    }
  }

  /** A client that asks and asks, and takes no answer, is asked to take one first. */
  #roomForNext(): boolean {
    if (!this.#socket.writableNeedDrain) return true;
    void this.room(); // its deadline runs from now on
    return false;
  }

  #drop(event: ParserEvent): void {
    if (event.kind === 'end' || (event.kind === 'data' && event.last)) {
      this.#dropping = false;
      this.#rest();
    } else if (event.kind === 'data') {
      this.#dropped += event.bytes.length;
      if (this.#dropped > this.#house.limits.maxDrained) this.#close();
    }
  }

  #begin(event: HeadEvent): void {
    const { correct } = this.#house;
    const turn = correct ? this.#corrected(correct(event, this.origin)) : new Turn(this, event, this.origin);
    this.#turn = turn;
    this.#inHead = false;
    this.#requests += 1;
    this.#pace.reset();
    this.deadline = Number.POSITIVE_INFINITY;
    let served: Promise<void> | null;
    try {
      served = this.#house.handler(turn);
    } catch (error) {
      served = Promise.reject(error);
    }
    follow(turn, served, this.#house.log);
  }

  #corrected({ event, origin }: ReturnType<Correction>): Turn {
    return new Turn(this, event, origin);
  }

  /** Answers a request that nobody will see, and closes. */
  #refuse(error: unknown): void {
    const known =
      error instanceof HttpError
        ? error
        : new HttpError(500, 'The request could not be read', { cause: error });
    const { status, message: why } = known;
    if (!(error instanceof HttpError)) this.#house.log.error('The engine failed', { error });
    else this.#house.log.debug('A request was refused', { status, why, client: this.origin.client?.[0] });
    this.#out.flush();
    this.#socket.write(encodeRefusal(status, why), 'latin1');
    this.#close();
  }

  /* ── writing and closing ── */

  /** Ends our side and reads on for a moment: closing with unread bytes would reset the answer away (RFC 9112 §9.6). */
  #close(): void {
    if (this.#phase !== 'open') return;
    this.#out.flush();
    this.#phase = 'lingering';
    this.#returnTicket();
    const { sendTimeout, lingerTimeout } = this.#house.limits;
    this.deadline = performance.now() + sendTimeout;
    this.#socket.end(() => {
      this.deadline = performance.now() + lingerTimeout; // our side has left: now the other one's
    });
    if (this.#paused) this.#resume();
  }

  #returnTicket(): void {
    if (this.#requests === 0) this.#ticket?.left();
    this.#ticket = null;
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }
}
