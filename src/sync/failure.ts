// What becomes of an app's error: one line in the log, and an answer that looks broken.
import { Disconnected, GatewayError, HttpError, look } from '../core/errors.ts';
import { carry, restore } from '../core/failure.ts';
import type { Log } from '../core/log.ts';
import type { Call } from './call.ts';
import type { EnvironData } from './interface.ts';

/** What was asked for. Taken before the app had the environ, which it may change. */
export type Asked = Pick<EnvironData, 'REQUEST_METHOD' | 'PATH_INFO'>;

/** A body that was to be read whole has found no room; the app was not called. */
export class BodyLost extends HttpError {}

/** Logs it, once, and fails the call; a client that has gone is nobody's error. */
export function failCall(call: Call, asked: Asked, error: Error, log: Log): void {
  logFailure(call, asked, error, log);
  call.fail(logged(error));
}

/** As an error that no carrier logs again. */
function logged(error: Error): GatewayError {
  if (error instanceof HttpError || error instanceof Disconnected) return error;
  const own = error instanceof GatewayError;
  const message = own ? error.message : `The app threw ${error.name}: ${error.message}`;
  return new HttpError(500, message, { cause: error });
}

/** Logs it only: the answer was complete by then. */
export function logFailure(call: Call, asked: Asked, error: Error, log: Log): void {
  if (error instanceof Disconnected) return;
  if (error instanceof HttpError && error.status < 500) return;
  const where = `${asked.REQUEST_METHOD} ${JSON.stringify(asked.PATH_INFO)}`;
  const what = error instanceof BodyLost ? 'The request body could not be kept for' : 'The app failed on';
  const write = (shown: Error): true => {
    log.error(`${what} ${where}`, { request: call.id, error: shown });
    return true;
  };
  // A log looks at every property, and one of an app's error may throw: then what of it is plain.
  if (!look(() => write(error))) write(restore(carry(error)));
}
