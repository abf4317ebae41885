// Starts the lab: the page with the 2 × 2 matrix, and the four servers that it shows.
import { GatewayError } from '../core/errors.ts';
import { createLog, type Log } from '../core/log.ts';
import { serve } from '../serve/serve.ts';
import { checkBind } from './admission.ts';
import { labApp } from './app.ts';
import { Runner } from './runner.ts';

export interface LabOptions {
  /** HOST:PORT of this machine; `127.0.0.1:8000` by default, port 0 takes a free one. */
  bind?: string;
  log?: Log;
}

export interface Lab {
  /** Where the page is. */
  readonly url: string;
  /** Ends the page's server and the four others. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Resolves once the page can be opened; the four servers start behind it, and the page shows how far they are.
 * Throws GatewayError USAGE for an address that others can reach, LISTEN for one that is taken.
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { bind = '127.0.0.1:8000', log = createLog({ level: 'warn' }) } = options;
  checkBind(bind);
  const runner = new Runner(log);
  const closing = new AbortController();
  const served = await serve(labApp(runner, closing.signal), {
    bind,
    log: { ...log, info() {} }, // what the lab's own app is, nobody asks
    interface: 'async',
    server: 'async',
    lifespan: 'off',
    factory: false,
    accessLog: false,
  });
  runner.start();

  const close = async (): Promise<void> => {
    closing.abort(new GatewayError('CLOSED', 'The lab is closing'));
    await Promise.all([runner.close(), served.close()]);
  };
  let closed: Promise<void> | undefined;
  return {
    url: served.url,
    close() {
      closed ??= close();
      return closed;
    },
  };
}
