// What the sync wing takes for an app: any function but an async one.
import { GatewayError } from '../core/errors.ts';
import type { SyncApp } from './interface.ts';

/** Throws GatewayError APP_KIND for what is seen to be an async function. */
export function asSyncApp(app: (...args: never[]) => unknown, shown: string): SyncApp {
  if (Object.prototype.toString.call(app) === '[object AsyncFunction]') {
    throw new GatewayError(
      'APP_KIND',
      `Cannot run "${shown}" as a sync app: it is an async function; a sync app returns its body, not a promise`,
    );
  }
  // Nothing more can be seen of a function before it is called; what it returns is checked by the responder.
  return app as SyncApp;
}
