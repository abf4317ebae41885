// What becomes of an app's error: one line in the log, and an answer that looks broken.
import { Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Call } from './call.ts';
import type { EnvironData } from './interface.ts';

/** What was asked for. Taken before the app had the environ, which it may change. */
export type Asked = Pick<EnvironData, 'REQUEST_METHOD' | 'PATH_INFO'>;

/** Logs it, once, and fails the call; a client that has gone is nobody's error. */
export function failCall(call: Call, asked: Asked, error: Error, log: Log): void {
  logFailure(call, asked, error, log);
  call.fail(
    error instanceof GatewayError
      ? error
      : new HttpError(500, `The app threw ${error.name}: ${error.message}`, { cause: error }),
  );
}

/** Logs it only: the answer was complete by then. */
export function logFailure(call: Call, asked: Asked, error: Error, log: Log): void {
  if (error instanceof Disconnected) return;
  if (error instanceof HttpError && error.status < 500) return;
  log.error(`The app failed on ${asked.REQUEST_METHOD} ${JSON.stringify(asked.PATH_INFO)}`, {
    request: call.id,
    error,
  });
}
