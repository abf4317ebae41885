// Who takes part: dualgate, node:http, which everything is measured by, the peers, and Python's servers where they are.
import { pythonServers } from './python.ts';

export type Wing = 'async' | 'sync';

export interface Server {
  /** A file of bench/servers, and what it is told behind its port; not for a program of Python's. */
  readonly command: readonly string[];
  /** Which half of a run it belongs to; without one, to both. */
  readonly wing?: Wing;
  /** The only loads that it takes part in. */
  readonly loads?: readonly string[];
  /** It has every processor, wrk's too: many threads on one would be measured by how they wait for it. */
  readonly unpinned?: true;
  /** A setting that older code does not know: then this one is left out, loudly, and the run goes on. */
  readonly optional?: true;
  /** Somebody else's: dualgate async has to be ahead of it in every row. */
  readonly peer?: true;
  /** The command line of a server of Python's, which is ready when its port answers. */
  readonly python?: (port: number) => readonly string[];
  /** The row of ours that has as many threads. */
  readonly beside?: string;
  /** What its answers don't have, beside the others': it is not asked for that. */
  readonly lacks?: ReadonlyArray<'keep-alive' | 'date'>;
}

/** Whose CPU time is 1. */
export const floor = 'node:http';
/** Whom the targets of the async wing are about. */
export const ours = 'dualgate async';
export const inline = 'dualgate sync inline';
export const oneThread = 'dualgate sync, 1 thread';
export const twoThreads = 'dualgate sync, 2 threads';
export const twoBlocking = 'dualgate sync, 2 threads, block';
export const manyThreads = 'dualgate sync, 16 threads';

const sync = (...settings: string[]): Pick<Server, 'command' | 'wing'> => ({
  command: ['dualgate.js', 'sync-app.js#app', ...settings],
  wing: 'sync',
});

export const servers: Readonly<Record<string, Server>> = {
  [floor]: { command: ['node-http.js'] },
  [ours]: { command: ['dualgate.js', 'async-app.js#app'], wing: 'async' },
  'dualgate async, engine node': {
    command: ['dualgate.js', 'async-app.js#app', 'engine=node'],
    wing: 'async',
    optional: true,
  },
  [inline]: sync('threads=0'),
  [oneThread]: sync('threads=1'),
  [twoThreads]: sync('threads=2'),
  [twoBlocking]: {
    ...sync('threads=2', 'threadMode=block'),
    loads: ['hello, one connection'],
    optional: true,
  },
  [manyThreads]: { ...sync('threads=16'), loads: ['hello', 'blocking 20 ms'], unpinned: true },
  fastify: { command: ['fastify.js'], wing: 'async', peer: true },
  hono: { command: ['hono.js'], wing: 'async', peer: true },
  srvx: { command: ['srvx.js'], wing: 'async', peer: true },
  express: { command: ['express.js'], wing: 'async', peer: true },
  ...pythonServers(),
};
