// What of a request body has come already, so that nobody has to wait for it.
import type { Piece } from '../http/exchange.ts';
import type { Call } from './call.ts';

/** null where it has to be awaited, or is broken, which read() says again to whoever awaits it. */
export function here({ exchange }: Call): Piece | null {
  try {
    return exchange?.ready() ?? null;
  } catch {
    return null;
  }
}
