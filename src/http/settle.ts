// What becomes of an exchange when its handler is done with it, or fails.
import { settled } from '../core/deferred.ts';
import { asError, asGateway, Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Exchange } from './exchange.ts';

/** An exchange that its engine can still answer by itself. */
export interface Settled extends Pick<Exchange, 'id' | 'head' | 'fail'> {
  /** Answered, lost or given away: nothing of it reaches the socket any more. */
  readonly over: boolean;
  /** Why its answer was cut, where the app is to blame. */
  readonly broken: GatewayError | null;
}

/** Settles it when what its handler gave is over: at once, later, or never, where the handler does so itself. */
export function follow(turn: Settled, served: Promise<void> | null, log: Log): void {
  if (served === null) return;
  if (served === settled) settle(turn, null, log);
  else
    served.then(
      () => settle(turn, null, log),
      (error: unknown) => settle(turn, asError(error), log),
    );
}

/** Answers or cuts whatever the handler left open, as Handler says; `error` is what it rejected with. */
export function settle(turn: Settled, error: Error | null, log: Log): void {
  const harmless = error === null || error instanceof Disconnected || error instanceof HttpError;
  if (!harmless)
    report(turn, error, log, turn.over ? 'The handler failed after its answer' : 'The handler failed');
  if (error === null && turn.broken) report(turn, turn.broken, log, 'The answer was cut');
  if (turn.over) return;
  if (error === null) report(turn, null, log, 'The handler ended before its answer was complete');
  turn.fail(asGateway(error ?? new GatewayError('CONTRACT', 'The answer is not complete')));
}

function report({ id, head }: Settled, error: Error | null, log: Log, message: string): void {
  const { method, target } = head;
  log.error(message, { id, method, target, ...(error && { error }) });
}
