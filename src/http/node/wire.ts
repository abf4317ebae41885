// One request of a node:http connection, as its turn sees it: where the body comes from, and where the answer goes.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { type Disconnected, GatewayError, type HttpError } from '../../core/errors.ts';
import type { AnswerSide } from '../answer-side.ts';
import type { HeadEvent, ParserEvent } from '../events.ts';
import type { Origin } from '../exchange.ts';
import type { Limits } from '../limits.ts';
import { Turn } from '../turn.ts';
import type { Carried, Wire } from '../wire.ts';
import { NodeAnswer } from './answer.ts';
import { type Inflow, RequestInflow, SocketInflow } from './inflow.ts';

/** A request as node gave it out, and what was read of its head: the error where it is refused. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly read: HeadEvent | HttpError;
  /** Node has sent 100 Continue already. */
  readonly continued: boolean;
  /** The socket is ours: the bytes behind the head, which node has read. */
  readonly rest: Buffer | null;
  /** Node takes the body apart; where it does not, all of it is on the socket. */
  readonly inRequest: boolean;
}

/** What all requests of a connection share of it: Wire says what each does. */
export interface Line extends Pick<Wire, 'waiting' | 'room' | 'mustClose' | 'answered'> {
  /** `reset`: a FIN would look like the end of the answer. */
  cut(reset: boolean): void;
  /** The socket was given away. */
  released(): void;
}

export class NodeWire implements Wire {
  readonly turn: Turn;
  readonly ticket = null;
  readonly #line: Line;
  readonly #arrival: Arrival;
  readonly #answer: NodeAnswer;
  readonly #inflow: Inflow;

  /** `event` and `origin` may differ from what came: a trusted proxy has corrected them. */
  constructor(
    line: Line,
    arrival: Arrival,
    { event, origin, limits }: { event: HeadEvent; origin: Origin; limits: Limits },
  ) {
    const { request, response, continued, rest, inRequest } = arrival;
    this.#line = line;
    this.#arrival = arrival;
    this.#answer = new NodeAnswer(response, event);
    const options = { length: event.length, limits, arrived: () => this.turn.deliver() };
    this.#inflow =
      inRequest || rest === null
        ? new RequestInflow(request, options)
        : new SocketInflow(request.socket, rest, options);
    this.turn = new Turn(this, continued ? { ...event, expectsContinue: false } : event, origin);
  }

  /** The client is gone, or the connection was cut. */
  lost(why: Disconnected): void {
    if (this.turn.over) return;
    this.turn.lost(why);
    this.#inflow.close();
  }

  /* ── what the turn asks for (Wire) ── */

  answerTo(): AnswerSide {
    return this.#answer;
  }

  take(): ParserEvent | null {
    return this.#inflow.take();
  }

  sayContinue(turn: Carried): void {
    // What came with the head is parsed behind it: by the next turn of the loop it is seen.
    setImmediate(() => {
      if (turn.over || turn.headed || turn.received + this.#inflow.buffered > 0 || turn.bodyDone) return;
      this.#arrival.response.writeContinue();
    });
  }

  waiting(reader: boolean): void {
    this.#line.waiting(reader);
  }

  room(): Promise<void> {
    return this.#line.room();
  }

  mustClose(left: number | null): boolean {
    return this.#line.mustClose(left);
  }

  answered(turn: Carried): void {
    this.#inflow.close();
    this.#line.answered(turn);
  }

  cut(): void {
    this.#inflow.close();
    this.#line.cut(this.#answer.endsWithClose);
  }

  release(): { socket: Duplex; rest: Uint8Array } {
    const { request, response } = this.#arrival;
    if (!(this.#inflow instanceof SocketInflow))
      throw new GatewayError(
        'CLOSED',
        'Cannot upgrade: node:http kept the socket; give its "upgrade" events to the handler',
      );
    const rest = this.#inflow.release();
    const { socket } = request;
    response.detachSocket(socket);
    this.#line.released();
    return { socket, rest };
  }
}
