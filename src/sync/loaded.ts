// A sync app out of its source, on whatever thread it is to run.
import { type AppSource, loadApp } from '../core/load.ts';
import { asSyncApp } from './app.ts';
import type { SyncApp } from './interface.ts';
import { lint } from './lint.ts';

/** Rejects with GatewayError APP_LOAD or APP_KIND. */
export async function loadSyncApp(source: AppSource, argument?: unknown): Promise<SyncApp> {
  const app = asSyncApp(await loadApp(source, argument), source.shown);
  return source.lint ? lint(app) : app;
}
