// What a request's turn asks of its connection, whoever parses and frames.
import type { Duplex } from 'node:stream';

import type { AnswerSide } from './answer-side.ts';
import type { HeadEvent, ParserEvent } from './events.ts';
import type { Exchange } from './exchange.ts';

/** What is asked about the turn behind it. */
export interface Carried extends Pick<Exchange, 'headed'> {
  /** Answered, lost or given away: nothing of it reaches the socket any more. */
  readonly over: boolean;
  /** The connection ends behind its answer. */
  readonly closing: boolean;
  /** The whole body was taken. */
  readonly bodyDone: boolean;
  /** Bytes of the body that were taken. */
  readonly received: number;
}

/** What a turn needs of its connection. */
export interface Wire extends Pick<Exchange, 'ticket'> {
  /** Makes the answer to a request; asked once a turn. */
  answerTo(event: HeadEvent): AnswerSide;
  /** The next event of the body; null where the client has not sent it yet. Throws HttpError where it is broken. */
  take(): ParserEvent | null;
  /** Sends 100 Continue, unless the body or the answer has begun. */
  sayContinue(turn: Carried): void;
  /** A read waits for the client, or no longer does. */
  waiting(reader: boolean): void;
  /** Resolves when the socket has room; rejects with Disconnected. */
  room(): Promise<void>;
  /** Must the connection close behind this answer, whose unread body may have `left` more bytes (null: unknown)? */
  mustClose(left: number | null): boolean;
  /** The answer is handed over, all of it. */
  answered(turn: Carried): void;
  /** Cuts the connection; `headed`: behind the beginning of an answer, which must not look complete. */
  cut(turn: Carried, headed: boolean): void;
  /** Throws GatewayError where the socket is not its own to give. */
  release(turn: Carried): { socket: Duplex; rest: Uint8Array };
}
