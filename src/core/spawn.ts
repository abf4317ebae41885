// Starts a sibling module as a thread, or our command as a process, from .ts or .js alike.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ResourceLimits, type TransferListItem, Worker, workerData } from 'node:worker_threads';

import { fromSource, hooksFor } from './transpile.ts';

export interface ThreadOptions {
  readonly name: string;
  readonly data?: unknown;
  readonly transfer?: readonly TransferListItem[];
  /** File URLs of the modules that the thread will import: TypeScript is transpiled once, and shared. */
  readonly apps?: readonly string[];
  readonly resourceLimits?: ResourceLimits;
}

/** On Node 20 a thread takes no loader from execArgv (habits.md 5.4), so it registers the hooks itself. */
const boot = `
const { workerData } = require('node:worker_threads');
const { hooks, entry } = workerData;
if (hooks) {
  process.setSourceMapsEnabled(true);
  require('node:module').register(hooks.url, { data: hooks.data });
}
import(entry);
`;

/** Starts a sibling module (`./thread`, no extension) of the module at `from` (its import.meta.url) as a thread. */
export async function startThread(from: string, sibling: string, options: ThreadOptions): Promise<Worker> {
  const extension = from.endsWith('.ts') ? '.ts' : '.js';
  const entry = new URL(`${sibling}${extension}`, from).href;
  const hooks = await hooksFor([entry, ...(options.apps ?? [])]);
  return new Worker(boot, {
    eval: true,
    name: options.name,
    workerData: { entry, hooks, data: options.data },
    ...(options.transfer && { transferList: [...options.transfer] }),
    ...(options.resourceLimits && { resourceLimits: options.resourceLimits }),
  });
}

/** What the starter of this thread gave as `data`. */
export function threadData(): unknown {
  // Made by startThread() in the thread that started this one.
  return (workerData as { data: unknown }).data;
}

/** Starts `dualgate ...args` as a child process, under the same Node, from the same place (dist or src). */
export function startCommand(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const bin = fileURLToPath(new URL('../../bin/dualgate.js', import.meta.url));
  const env = { ...(options.env ?? process.env), ...(fromSource && { DUALGATE_SOURCE: '1' }) };
  return spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'inherit'], ...options, env });
}
