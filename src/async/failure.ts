// What an app threw, and why: is it a mistake, or only that its client has left?
import { settled } from '../core/deferred.ts';
import { Disconnected } from '../core/errors.ts';
import type { Fields } from '../core/log.ts';
import type { Exchange } from '../http/exchange.ts';

/**
 * Did it come about because a client has gone? So say a Disconnected itself, and what has one among its causes:
 * an AbortError of the disconnect signal, or an app's own error around it.
 */
export function causedByDisconnect(thrown: unknown): boolean {
  let error = thrown;
  // A cause may lead back to itself; nobody nests deeper than this.
  for (let depth = 0; depth < 8; depth++) {
    if (error instanceof Disconnected) return true;
    if (!(error instanceof Error)) return false;
    error = error.cause;
  }
  return false;
}

/** The fields that tell one request from another in the log. */
export function about({ id, head }: Exchange): Fields {
  return { id, method: head.method, target: head.target };
}

/** Marks a promise as seen to: a send that the app does not wait for must not end the process when it fails. */
export function seen<T>(promise: Promise<T>): Promise<T> {
  if (promise !== settled) promise.catch(ignore);
  return promise;
}

function ignore(): void {}
