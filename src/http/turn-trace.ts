// What a turn tells whoever traces: that a request has come, what was answered, and how it ended.
import { publish } from '../core/trace.ts';
import type { Exchange } from './exchange.ts';

export function traceRequest({ id, head, client: peer }: Pick<Exchange, 'id' | 'head' | 'client'>): void {
  const { method, target, version } = head;
  const client = peer ? `${peer[0]}:${peer[1]}` : '-';
  publish({ at: performance.now(), id, lane: 'loop', kind: 'request', method, target, version, client });
}

/** `status`: 0 where nothing was answered; `error`: why it was lost, null where it was not. */
export function traceEnd(
  { id, bytes }: { readonly id: string; readonly bytes: number },
  status: number,
  error: string | null,
): void {
  const at = performance.now();
  if (status > 0) publish({ at, id, lane: 'loop', kind: 'response', status });
  publish({ at, id, lane: 'loop', kind: 'end', bytes, ...(error !== null && { error }) });
}
