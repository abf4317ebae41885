// Who takes part: dualgate, node:http, which everything is measured by, and the peers.
export interface Server {
  /** A file of bench/servers, and what it is told behind its port. */
  readonly command: readonly string[];
  /** A setting that older code does not know: then this one is left out, loudly, and the run goes on. */
  readonly optional?: true;
  /** Somebody else's: dualgate async has to be ahead of it in every row. */
  readonly peer?: true;
}

/** Whose CPU time is 1. */
export const floor = 'node:http';
/** Whom the targets are about. */
export const ours = 'dualgate async';

export const servers: Readonly<Record<string, Server>> = {
  [floor]: { command: ['node-http.js'] },
  [ours]: { command: ['dualgate.js', 'async-app.js#app'] },
  'dualgate async, engine node': {
    command: ['dualgate.js', 'async-app.js#app', 'engine=node'],
    optional: true,
  },
  'dualgate sync inline': { command: ['dualgate.js', 'sync-app.js#app', 'threads=0'] },
  'dualgate sync, 2 threads': { command: ['dualgate.js', 'sync-app.js#app', 'threads=2'] },
  fastify: { command: ['fastify.js'], peer: true },
  hono: { command: ['hono.js'], peer: true },
  srvx: { command: ['srvx.js'], peer: true },
  express: { command: ['express.js'], peer: true },
};
