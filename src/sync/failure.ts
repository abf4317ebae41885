// What becomes of an app's error: one line in the log, and an answer that looks broken.
import { Disconnected, GatewayError, HttpError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Call } from './call.ts';

/** Logs it, once, and fails the call; a client that has gone is nobody's error. */
export function failCall(call: Call, error: Error, log: Log): void {
  logFailure(call, error, log);
  call.fail(
    error instanceof GatewayError
      ? error
      : new HttpError(500, `The app threw ${error.name}: ${error.message}`, { cause: error }),
  );
}

/** Logs it only: the answer was complete by then. */
export function logFailure(call: Call, error: Error, log: Log): void {
  if (error instanceof Disconnected) return;
  if (error instanceof HttpError && error.status < 500) return;
  const { REQUEST_METHOD: method, PATH_INFO: path } = call.environ;
  log.error(`The app failed on ${method} ${JSON.stringify(path)}`, { request: call.id, error });
}
