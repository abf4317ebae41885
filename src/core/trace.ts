// What happens to each request, published on a diagnostics channel: access log, lab and metrics read it.
import diagnostics from 'node:diagnostics_channel';

export type TraceEvent = {
  /** Milliseconds of performance.now() in the process that published it. */
  readonly at: number;
  /** The exchange's id. */
  readonly id: string;
  /** Who does it: `loop`, `thread 3`, `loop thread`. */
  readonly lane: string;
} & (
  | {
      readonly kind: 'request';
      readonly method: string;
      readonly target: string;
      readonly version: string;
      readonly client: string;
    }
  | { readonly kind: 'queued' | 'dispatched' | 'app.enter' | 'app.leave' | 'first.byte' }
  | { readonly kind: 'response'; readonly status: number }
  | { readonly kind: 'end'; readonly bytes: number; readonly error?: string }
);

const channel = diagnostics.channel('dualgate:trace');

/** Is anybody listening? Ask before an event is made: it costs 4 ns where nobody does. */
export function traced(): boolean {
  return channel.hasSubscribers;
}

export function publish(event: TraceEvent): void {
  channel.publish(event);
}

/** Listens until the returned function is called. */
export function subscribe(listener: (event: TraceEvent) => void): () => void {
  // Only publish() writes to this channel, so what arrives is a TraceEvent.
  const receive = (event: unknown): void => listener(event as TraceEvent);
  diagnostics.subscribe('dualgate:trace', receive);
  return () => {
    diagnostics.unsubscribe('dualgate:trace', receive);
  };
}
