// The one tree of errors: every one has a code, and says what, where and what to do.
import { inspect, types } from 'node:util';

/** What each code means; printed in docs/reference/errors.md. A code is never reused. */
export const codes = {
  CONTRACT: 'A clause of the sync or async contract was broken',
  HTTP: 'A request that cannot be served; the status says why',
  DISCONNECTED: 'The client is gone',
  TIMEOUT: 'Something took longer than its deadline',
  CLOSED: 'The thing was used after it was closed',
  USAGE: 'The command line, a variable or an option is wrong',
  LISTEN: 'The address cannot be listened on',
  TLS: 'A certificate, a key or a list of ciphers cannot be used',
  APP_LOAD: 'The app cannot be loaded',
  APP_KIND: 'The export is neither a sync nor an async app, or not the kind that was asked for',
  APP_START: 'The app did not start (lifespan)',
  THREAD: 'A thread ended before its work was done',
  BRIDGE_SAME_THREAD: 'An async app cannot run on the thread that waits for it',
} as const;
export type Code = keyof typeof codes;

export class GatewayError extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A clause of a contract was broken. `clause` is its id, such as `W-58` or `A-31`. */
export class ContractError extends GatewayError {
  readonly clause: string;

  constructor(clause: string, message: string, options?: ErrorOptions) {
    super('CONTRACT', `${message} [${clause}]`, options);
    this.clause = clause;
  }
}

/** A request that is answered with `status` and nothing else; most of them close the connection. */
export class HttpError extends GatewayError {
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super('HTTP', message, options);
    this.status = status;
  }
}

/** The client is gone. Never logged as an app's error (ASGI HTTP 2.4, "Disconnected Client"). */
export class Disconnected extends GatewayError {
  constructor(message = 'The client is gone', options?: ErrorOptions) {
    super('DISCONNECTED', message, options);
  }
}

/** Whatever was thrown, as an error of ours: itself where it is one, else the cause of one. */
export function asGateway(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('HTTP', asError(thrown).message, { cause: thrown });
}

/** Whatever was thrown, as an Error whose name, message and stack are texts. Never throws, whatever they are. */
export function asError(thrown: unknown): Error {
  if (look(() => thrown instanceof Error) !== true) return new Error(`Thrown: ${textOf(thrown)}`);
  // instanceof has said so, or a proxy claims it
  const error = thrown as Error;
  const [name, message, stack] = (['name', 'message', 'stack'] as const).map((key) => look(() => error[key]));
  const sound = typeof name === 'string' && typeof message === 'string' && typeof stack === 'string';
  if (sound && !types.isProxy(error)) return error;
  const cause = look(() => error.cause);
  const tame = new Error(textOf(message), cause === undefined ? {} : { cause });
  tame.name = typeof name === 'string' ? name : 'Error';
  if (typeof stack === 'string') tame.stack = stack;
  return tame;
}

/** What an app's getter or proxy gives; undefined where it throws, for that says nothing about the error it belongs to. */
export function look<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

const brief = { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 10, maxStringLength: 200 };

function textOf(value: unknown): string {
  const shown = (): string => (typeof value === 'object' ? inspect(value, brief) : String(value));
  return look(shown) ?? 'something that cannot be shown';
}
