// An error as plain data that crosses a thread, and the error again: class name, message, cause, and both sides' stacks.
import {
  asError,
  type Code,
  ContractError,
  codes,
  Disconnected,
  GatewayError,
  HttpError,
  look,
} from './errors.ts';

export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Own properties that are plain: `code`, `status`, `clause`, `errno`… */
  readonly extra: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: Failure;
}

/** How many causes of causes are carried. */
const depth = 8;

/** Never throws, and what it gives can be cloned, whatever an app throws: a getter that fails is left out. */
export function carry(thrown: unknown, left: number = depth): Failure {
  const error = asError(thrown);
  const extra: Record<string, string | number | boolean> = {};
  for (const key of look(() => Object.keys(error)) ?? []) {
    const value: unknown = look(() => Reflect.get(error, key));
    if (key !== 'name' && isPlain(value)) extra[key] = value;
  }
  const name = textOr('Error', () => error.name);
  const message = textOr('', () => error.message);
  const stack = textOr(`${name}: ${message}`, () => error.stack);
  const cause = look(() => error.cause);
  return {
    name,
    message,
    stack,
    extra,
    ...(cause !== undefined && left > 0 && { cause: carry(cause, left - 1) }),
  };
}

function isPlain(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** A getter may give one thing when asError looks, and another now. */
function textOr(otherwise: string, get: () => unknown): string {
  const value = look(get);
  return typeof value === 'string' ? value : otherwise;
}

/**
 * The error on this side: of our own classes where it was one, so that `status`, `clause` and `instanceof` hold, else
 * an Error with the other's name. Its stack shows where it was thrown, then the side that called.
 */
export function revive(failure: Failure, thrownBy = 'the loop thread'): Error {
  const error = restore(failure);
  Error.captureStackTrace(error, revive);
  const here = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  hide(error, 'stack', [failure.stack, `    --- thrown by ${thrownBy}, called by ---`, ...here].join('\n'));
  return error;
}

/** The error with the stack that it had there, and no other. */
export function restore(failure: Failure): Error {
  const error = ownClass(failure) ?? new Error(failure.message);
  Object.assign(error, failure.extra);
  if (error.name !== failure.name) hide(error, 'name', failure.name);
  hide(error, 'stack', failure.stack);
  if (failure.cause) hide(error, 'cause', restore(failure.cause));
  return error;
}

/** A property as Error has its own: not enumerable. */
function hide(error: Error, key: 'name' | 'stack' | 'cause', value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}

function ownClass({ message, extra: { code, status, clause } }: Failure): GatewayError | undefined {
  if (!isCode(code)) return undefined;
  if (code === 'DISCONNECTED') return new Disconnected(message);
  if (code === 'HTTP' && typeof status === 'number') return new HttpError(status, message);
  if (code === 'CONTRACT' && typeof clause === 'string') {
    return new ContractError(clause, message.replace(` [${clause}]`, '')); // it adds the clause itself
  }
  return new GatewayError(code, message);
}

function isCode(code: unknown): code is Code {
  return typeof code === 'string' && Object.hasOwn(codes, code);
}
