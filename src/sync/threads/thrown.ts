// Errors across the wall between threads: what was thrown, as data and back.
import {
  asError,
  type Code,
  codes,
  ContractError,
  Disconnected,
  GatewayError,
  HttpError,
} from '../../core/errors.ts';
import type { Thrown } from './messages.ts';

const maxCauses = 4;

/** In the thread. */
export function toThrown(thrown: unknown, depth = 0): Thrown {
  const error = asError(thrown);
  const { cause } = error;
  return {
    name: error.name,
    message: error.message,
    stack: error.stack ?? `${error.name}: ${error.message}`,
    ...(error instanceof GatewayError && { code: error.code }),
    ...(error instanceof HttpError && { status: error.status }),
    ...(error instanceof ContractError && { clause: error.clause }),
    ...(cause !== undefined && depth < maxCauses && { cause: toThrown(cause, depth + 1) }),
  };
}

/** On the loop: of the same class where it is one of ours, with the stack of the place where it was thrown. */
export function fromThrown(thrown: Thrown): Error {
  const error = remade(thrown);
  error.stack = thrown.stack;
  return error;
}

function remade({ name, message, code, status, clause, cause }: Thrown): Error {
  const options = cause ? { cause: fromThrown(cause) } : undefined;
  if (clause !== undefined) return new ContractError(clause, message.replace(` [${clause}]`, ''), options);
  if (status !== undefined) return new HttpError(status, message, options);
  if (code === 'DISCONNECTED') return new Disconnected(message, options);
  if (isCode(code)) return new GatewayError(code, message, options);
  const error = new Error(message, options);
  error.name = name;
  return error;
}

function isCode(code: string | undefined): code is Code {
  return code !== undefined && code in codes;
}
