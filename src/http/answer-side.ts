// The answer side of an exchange, whoever frames it: what a turn asks of it, and what both kinds of it refuse and do alike.
import type { HeaderList } from '../core/bytes.ts';
import { GatewayError } from '../core/errors.ts';
import type { WholeAnswer } from './exchange.ts';
import type { ResponseHead } from './head.ts';

/** What a turn needs of its answer. Throws GatewayError CONTRACT for what an app may not do. */
export interface AnswerSide {
  readonly started: boolean;
  /** The head has left. */
  readonly framed: boolean;
  /** The head has left, or leaves at the end of this turn: nothing takes its place any more. */
  readonly headed: boolean;
  /** Bytes of the body that the app has given. */
  readonly bytes: number;
  /** 0 before the start. */
  readonly status: number;
  /** Must the connection be closed behind this answer? Asked when the head leaves. */
  closing: boolean;
  /** What it is given, up to 64 KiB, is copied at once. */
  readonly copies: boolean;
  /** The length of the body is not to be said, though it may be known. */
  unmeasured: boolean;
  inform(status: 103, headers: HeaderList): void;
  start(head: ResponseHead): void;
  /** Forgets a head that has not left, so that another can take its place. */
  reset(): void;
  /** `bytes` are the whole body, and nothing has left. */
  measure(bytes: number): void;
  /** Takes a piece that end() follows at once. */
  hold(chunk: Uint8Array): void;
  write(chunk: Uint8Array): void;
  /** Completes it. Throws where the body is shorter than the app's Content-Length: then it must be cut. */
  end(trailers: HeaderList): void;
  /** Takes all of it in one. */
  relay(answer: WholeAnswer): void;
  /** Sends what waits. */
  flush(): void;
}

/** Calls `answer.flush()` once this turn of the loop is over. */
export function flushLater(answer: AnswerSide): void {
  // By way of a microtask: a tick that is asked for outside of one would run before the app's next step.
  queueMicrotask(() => process.nextTick(flush, answer));
}

function flush(answer: AnswerSide): void {
  answer.flush();
}

/** A start behind what has left, or behind a body. */
export function cannotStart(headed: boolean): GatewayError {
  return contract(`Cannot start the answer: ${headed ? 'its head has left already' : 'its body has begun'}`);
}

/** A body before its start, or behind its end. */
export function cannotSend(complete: boolean): GatewayError {
  return contract(`Cannot send a body: the answer ${complete ? 'is complete' : 'has not started'}`);
}

export function tooLong(bytes: number, declared: number): GatewayError {
  return contract(`Cannot send ${bytes} bytes: the Content-Length is ${declared}`);
}

export function tooShort(bytes: number, declared: number): GatewayError {
  return contract(`Cannot end the answer: its Content-Length is ${declared}, its body has ${bytes} bytes`);
}

function contract(message: string): GatewayError {
  return new GatewayError('CONTRACT', message);
}
