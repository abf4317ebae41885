// A pool with the stuck app on its threads, calls to it, and the lines that it logs.
import { setImmediate } from 'node:timers/promises';

import { deferred } from '../../../../src/core/deferred.ts';
import { type AppSource, parseRef } from '../../../../src/core/load.ts';
import type { Fields, Log } from '../../../../src/core/log.ts';
import { Pool } from '../../../../src/sync/threads/pool.ts';
import type { PoolOptions } from '../../../../src/sync/threads/pool-options.ts';
import { type Given, TestCall } from '../carrier.ts';

/** Lines that a pool logged, and a promise of the next that matches. */
export class Lines {
  readonly all: Array<{ level: string; text: string; fields: Fields }> = [];
  #waiting: Array<{ pattern: RegExp; found: () => void }> = [];
  readonly log: Log = {
    level: 'debug',
    debug: (text, fields) => this.#add('debug', text, fields),
    info: (text, fields) => this.#add('info', text, fields),
    warn: (text, fields) => this.#add('warn', text, fields),
    error: (text, fields) => this.#add('error', text, fields),
  };

  matching(pattern: RegExp): Array<{ level: string; text: string; fields: Fields }> {
    return this.all.filter(({ text }) => pattern.test(text));
  }

  find(pattern: RegExp): Promise<void> {
    if (this.matching(pattern).length > 0) return Promise.resolve();
    const found = deferred();
    this.#waiting.push({ pattern, found: found.resolve });
    return found.promise;
  }

  #add(level: string, text: string, fields: Fields = {}): void {
    this.all.push({ level, text, fields });
    for (const { pattern, found } of this.#waiting) if (pattern.test(text)) found();
  }
}

export interface Staged extends AsyncDisposable {
  readonly pool: Pool;
  readonly lines: Lines;
  run(path: string, given?: Given): Promise<TestCall>;
}

const stuck = new URL('../apps/stuck.ts', import.meta.url).href;

/** Closed, and cut, at the end of the test. */
export async function staged(
  options: Partial<PoolOptions> = {},
  source: AppSource = parseRef(`${stuck}#app`),
): Promise<Staged> {
  const lines = new Lines();
  const pool = new Pool(source, { threads: 2, warmThreads: 0, log: lines.log, ...options });
  await pool.start();
  return {
    pool,
    lines,
    run: async (path, given) => {
      const call = new TestCall({ path, ...given });
      await pool.run(call);
      return call;
    },
    [Symbol.asyncDispose]: () => pool.close(0),
  };
}

/** Until it holds: asked at each turn of the loop, and bounded by the test's own time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}
