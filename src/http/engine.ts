// Which engine speaks HTTP: our own, or node:http.
import type { Bind } from './bind.ts';
import type { Bound } from './exchange.ts';
import { Listener } from './listener.ts';
import { NodeListener, type NodeListenerOptions } from './node/listener.ts';

/** What a server needs of a listener. */
export interface Listening extends AsyncDisposable {
  listen(bind: Bind): Promise<Bound>;
  close(grace?: number): Promise<void>;
  /** Is it HTTPS? */
  readonly secure: boolean;
  /** Reads the certificates again, where there are some. Throws GatewayError TLS. */
  reloadTls(): void;
}

/** `own`: strict and fast, on node:net. `node`: node:http. Or one that makes exchanges in a way of its own. */
export type Engine = 'own' | 'node' | ((options: NodeListenerOptions) => Listening);

export function listenerFor(engine: Engine, options: NodeListenerOptions): Listening {
  if (engine === 'own') return new Listener(options);
  return engine === 'node' ? new NodeListener(options) : engine(options);
}
