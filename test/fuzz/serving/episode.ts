// One server of the fuzzer, from its start to its end: real sockets, whole answers, lent rings, requests as tables.
import { setImmediate } from 'node:timers/promises';

import { parseRef } from '../../../src/core/load.ts';
import type { Log } from '../../../src/core/log.ts';
import type { TlsOptions } from '../../../src/http/certificates.ts';
import { SyncServer } from '../../../src/sync/server.ts';
import { watchMemory } from '../ring/memory.ts';
import { Seeded } from '../seeded.ts';
import type { Assignment } from './app.ts';
import { beClient, type Scene } from './client.ts';
import type { Kinds } from './plan.ts';

export interface Episode {
  readonly seed: number;
  readonly requests: number;
  /** ms for one answer. */
  readonly patience: number;
  /** May apps get stuck? Each costs seconds. */
  readonly stuck: boolean;
  /** For some of the servers. */
  readonly tls?: TlsOptions;
}

export interface Outcome {
  readonly answered: number;
  readonly faults: readonly string[];
}

const app = new URL('app.ts', import.meta.url).href;

export async function serve({ seed, requests, patience, stuck, tls }: Episode): Promise<Outcome> {
  const chance = new Seeded(seed);
  const kinds: Kinds = { deaths: chance.once(3), stuck: stuck && chance.once(4) };
  const assignment: Assignment = { seed, kinds };
  const options = {
    threads: 1 + chance.below(4),
    spare: chance.pick([0, 1, 8, 64]),
    threadMode: chance.pick(['wa', 'block'] as const),
    maxRequests: chance.once(3) ? 20 : 0,
    maxStuckThreads: 100,
    timeout: kinds.stuck ? 1500 : 30_000,
  };
  const buffer = !chance.once(6);
  const secure = tls !== undefined && chance.once(3);
  const clients = 1 + chance.below(24);
  const faults: string[] = [];
  const log = listener(faults);
  using memory = watchMemory(chance.pick([0, 2 ** 31 - 3, -3]), 0);
  await using server = new SyncServer(parseRef(`${app}#make`, { factory: true }), {
    ...options,
    buffer,
    ...(secure && { tls }),
    log,
    backlog: 5000,
    limits: { maxHead: 256 * 1024, maxHeaders: 4000, maxBuffered: chance.pick([1024, 64 * 1024]) },
    argument: () => ({ value: assignment, transfer: [] }),
  });
  const { url } = await server.listen('127.0.0.1:0');
  let next = 0;
  const scene: Scene = {
    seed,
    kinds,
    url: new URL(url),
    patience: kinds.stuck ? 4 * patience : patience,
    faults,
    answered: 0,
    next() {
      next += 1;
      return next > requests ? null : next - 1;
    },
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => beClient(scene, number)));
  await setImmediate();
  if (faults.length === 0) faults.push(...(await memory.unfree(patience)));
  const shape = JSON.stringify({ ...options, ...kinds, buffer, secure, clients });
  return { answered: scene.answered, faults: faults.map((fault) => `${fault}\n  ${shape}`) };
}

/** What an app has found wrong comes as an error of its own. */
function listener(faults: string[]): Log {
  const hear = (line: string, more?: object): void => {
    const text = `${line} ${more && 'error' in more ? String(more.error) : ''}`;
    if (text.includes('WRONG') || text.includes('The engine failed')) faults.push(text);
  };
  return { level: 'debug', debug: hear, info: hear, warn: hear, error: hear };
}
