// What puts an async app on the threads of a sync server: a source that each thread loads, connected to one loop thread.
import type { AppSource } from '../core/load.ts';

/**
 * The source that a sync pool loads in the place of an async app. Its factory wants, as its argument, what
 * LoopThread.caller() gives: `new SyncServer(asyncSource(source), { argument: () => loop.caller() })`.
 */
export function asyncSource(source: AppSource): AppSource {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const url = new URL(`./loop/caller${extension}`, import.meta.url).href;
  return { url, name: 'fromLoop', factory: true, shown: source.shown };
}
