// A sync app out of an async one: the calling thread blocks, a loop thread of its own runs the app.
import { asError, GatewayError } from '../core/errors.ts';
import { type AppRef, type AppSource, parseRef } from '../core/load.ts';
import type { SyncApp } from '../sync/interface.ts';
import { fromLoop } from './loop/caller.ts';
import { type LoopOptions, LoopThread } from './loop/loop.ts';

export type AsyncToSyncOptions = LoopOptions;

export interface BridgedSyncApp extends SyncApp, Disposable, AsyncDisposable {
  /** Resolves when the app is loaded and its lifespan has started; await it before the first call. Rejects as LoopThread.start. */
  readonly ready: Promise<void>;
}

/**
 * Runs an async app behind the sync contract, streaming both ways (ASGI, "WSGI Compatibility"). The app is loaded on a
 * thread of its own, from a reference: `asyncToSync('app.ts:app')`. The thread does not keep the process alive; dispose it
 * to shut the app's lifespan down. What the app throws outside of any call is logged; a thread that dies is started again,
 * and its calls, and those that come meanwhile, throw GatewayError THREAD.
 *
 * A request body is asked for only when the app awaits receive(). While the calling thread is blocked in
 * wsgi.input.read for it, answers of the app wait.
 *
 * Throws GatewayError BRIDGE_SAME_THREAD for a function: its promises would wait for the very thread that waits for them.
 */
export function asyncToSync(source: AppSource | AppRef, options: AsyncToSyncOptions = {}): BridgedSyncApp {
  refuseFunction(source);
  const loop = new LoopThread(typeof source === 'string' ? parseRef(source) : source, options);
  const app = fromLoop(loop.caller().value);
  let state: 'starting' | 'ready' | Error = 'starting';
  const ready = loop.start().then(
    () => {
      state = 'ready';
    },
    (error: unknown) => {
      state = asError(error);
      throw error;
    },
  );
  ready.catch(() => {}); // whoever awaits it hears of it, and every call does
  const bridged: SyncApp = (environ, startResponse) => {
    if (state === 'ready') return app(environ, startResponse);
    if (state !== 'starting') throw state;
    // Its start needs this thread's event loop, and a blocked thread has none.
    throw new GatewayError(
      'THREAD',
      'The async app has not started yet: await its "ready" before the first call',
    );
  };
  return Object.assign(bridged, {
    ready,
    [Symbol.dispose]: (): void => void loop.close(),
    [Symbol.asyncDispose]: (): Promise<void> => loop.close(),
  });
}

function refuseFunction(source: unknown): void {
  if (typeof source !== 'function') return;
  throw new GatewayError(
    'BRIDGE_SAME_THREAD',
    `Cannot run the async function "${source.name || 'app'}" behind the sync contract: its promises would wait for the very thread that is blocked on them; pass a reference such as "app.ts:app"`,
  );
}
