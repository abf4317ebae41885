// One pool of the fuzzer, from its start to its end: many calls at once, threads that die, and every slot free at last.
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';

import { parseRef } from '../../../src/core/load.ts';
import { Pool } from '../../../src/sync/threads/pool.ts';
import { Seeded } from '../seeded.ts';
import type { Assignment } from './app.ts';
import { callOf, type Scene } from './caller.ts';
import { Ledger } from './ledger.ts';
import { watchMemory } from './memory.ts';

export interface Episode {
  readonly seed: number;
  readonly calls: number;
  /** ms for one call to settle. */
  readonly patience: number;
}

export interface Outcome {
  readonly calls: number;
  readonly deaths: number;
  readonly faults: readonly string[];
}

const app = new URL('app.ts', import.meta.url).href;
/** Where counters that run freely begin: they go over the end of 31 bits, and of 32, within the first calls. */
const starts = [0, 2 ** 31 - 3, -3];

export async function play({ seed, calls, patience }: Episode): Promise<Outcome> {
  const chance = new Seeded(seed);
  const threads = 1 + chance.below(4);
  const spare = chance.pick([0, 1, 8, 64]);
  const backlog = chance.pick([0, 3, 1000]);
  const kinds = { deaths: chance.once(2) };
  const mortality = kinds.deaths && chance.once(2) ? 200 + chance.below(5000) : 0;
  const budget = 1 + chance.below(5);
  const clients = 1 + chance.below(48);
  const ledger = Ledger.make(calls);
  const scene: Scene = { seed, kinds, ledger, room: threads + backlog, clients, patience };
  const workers = new Set<Worker>();
  const shape = `${threads} threads, ${spare} spare, backlog ${backlog}, ${clients} clients, deaths ${kinds.deaths}, mortality ${mortality}`;
  using _follow = followWorkers(workers);
  using memory = watchMemory(chance.pick(starts), chance.pick(starts));
  let count = 0;
  const pool = new Pool(parseRef(`${app}#make`, { factory: true }), {
    threads,
    spare,
    backlog,
    argument: () => {
      count += 1;
      const value: Assignment = { seed, kinds, ledger: ledger.handle, mortality, thread: count };
      return { value, transfer: [] };
    },
  });
  const faults: string[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < calls && faults.length === 0) {
      const index = next;
      next += 1;
      faults.push(...(await callOf(pool, index, scene)));
      // now and then a thread dies of something that happens outside of it
      if (kinds.deaths && index % 50 === 49 && ledger.mayDie())
        void [...workers][index % workers.size]?.terminate();
      await setImmediate();
    }
  };
  await pool.start();
  // a thread that dies before is no thread yet: the pool would not start
  if (kinds.deaths) ledger.allow(budget);
  try {
    await Promise.all(Array.from({ length: clients }, client));
    if (faults.length === 0) faults.push(...(await memory.unfree(patience)));
  } finally {
    await pool.close(0);
  }
  return { calls: next, deaths: count - threads, faults: faults.map((fault) => `${fault}\n  ${shape}`) };
}

/** All threads that this process starts from now on, until they end. */
function followWorkers(workers: Set<Worker>): Disposable {
  const add = (worker: Worker): void => {
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
  };
  process.on('worker', add);
  return { [Symbol.dispose]: () => void process.off('worker', add) };
}
