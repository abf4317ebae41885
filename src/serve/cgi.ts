// An app of either kind for one request by CGI: loaded, called, and its exit code.
import { asyncToSync } from '../bridge/async-to-sync.ts';
import { asError } from '../core/errors.ts';
import { type AppRef, loadApp, parseRef } from '../core/load.ts';
import type { Log } from '../core/log.ts';
import { keepStdoutFree } from '../core/stdio.ts';
import { environmentOctets, refuseByCgi, runCgi } from '../sync/cgi.ts';
import { knownApp } from './kind.ts';
import type { Settled } from './settings.ts';

/** Answers with what `prepare` answers; where it throws, the client has a 500 before this throws it too. */
export async function orRefuse<T>(prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare();
  } catch (error) {
    refuseByCgi(500);
    throw error;
  }
}

/**
 * Loads the app. What it answers with serves the request of this process's environment, ends what was started, and answers
 * with runCgi's exit code. What the app prints goes to standard error. Rejects as serve() does where it cannot be loaded.
 */
export async function preparedForCgi(ref: AppRef, config: Settled, log: Log): Promise<() => Promise<number>> {
  keepStdoutFree();
  const variables = environmentOctets();
  // A client's `Proxy` header, which HTTP clients would believe, if the app has one (httpoxy).
  delete process.env['HTTP_PROXY'];
  const source = parseRef(ref, { factory: config.factory });
  const kind =
    config.interface === 'async' ? null : knownApp(await loadApp(source), source.shown, config.interface);
  if (kind?.kind === 'sync') return async () => runCgi(kind.app, { variables, log });
  const app = asyncToSync(source, { lifespan: config.lifespan, log, grace: 500 });
  await app.ready;
  return async () => {
    try {
      return runCgi(app, { variables, log });
    } finally {
      await shutDown(app, log);
    }
  };
}

async function shutDown(app: AsyncDisposable, log: Log): Promise<void> {
  try {
    await app[Symbol.asyncDispose]();
  } catch (error) {
    log.error('The app did not shut down', { error: asError(error) });
  }
}
