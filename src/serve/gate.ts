// The gate: an app of either kind to the server that was asked for, over a bridge where the two differ.
import { AsyncServer, type AsyncServerOptions } from '../async/server.ts';
import { asyncToSync } from '../bridge/async-to-sync.ts';
import { asyncSource } from '../bridge/carry.ts';
import { type LoopOptions, LoopThread } from '../bridge/loop/loop.ts';
import { type PoolBridgeOptions, syncToAsync } from '../bridge/sync-to-async.ts';
import { GatewayError } from '../core/errors.ts';
import type { AppSource } from '../core/load.ts';
import type { Log } from '../core/log.ts';
import type { SyncApp } from '../sync/interface.ts';
import { lint } from '../sync/lint.ts';
import { SyncServer, type SyncServerOptions } from '../sync/server.ts';
import { type ThreadOptions, threadOptions } from '../sync/threads/options.ts';
import type { Kind, Known } from './kind.ts';
import { listenerOptions } from './listener-options.ts';
import type { Settled } from './settings.ts';

/** What serves, server first, then what it carries. */
export type Carrier =
  | 'async'
  | 'sync inline'
  | 'sync threads'
  | 'async ← sync inline'
  | 'async ← sync threads'
  | 'sync inline ← async'
  | 'sync threads ← async';

/** An app at the gate: the function itself, or where other threads can load it, or both. */
export interface Subject {
  readonly kind: Kind;
  readonly shown: string;
  readonly known: Known | null;
  readonly source: AppSource | null;
}

export interface Gate {
  /** Resolves once it accepts, with the address that it really has. */
  listen(bind: string): Promise<{ readonly url: string }>;
  /** Reads the certificates again, for new connections. Throws GatewayError TLS where they cannot be used: then all stays. */
  reloadTls(): void;
  /** Lets running requests finish for `grace` ms; safe to call twice, and without listen(). */
  close(grace?: number): Promise<void>;
}

export interface Plan {
  readonly carrier: Carrier;
  readonly threads: number;
}

/** The table of house.md 3.3. A function stays on its thread: only a reference can be loaded on others. */
export function planFor(kind: Kind, reference: boolean, config: Settled, shown: string): Plan {
  const server = config.server === 'auto' ? kind : config.server;
  const threads = config.threads ?? (reference ? 4 : 0);
  if (!config.buffer) checkUnbuffered(shown, { kind, server, threads });
  if (config.lint && kind === 'async') {
    throw new GatewayError(
      'USAGE',
      `Cannot lint "${shown}": it is an async app, and so far there is a lint for sync apps only; leave --lint out`,
    );
  }
  if (server === 'async' && kind === 'async') return { carrier: 'async', threads: 0 };
  if (server === 'sync' && kind === 'async' && !reference) {
    throw new GatewayError(
      'BRIDGE_SAME_THREAD',
      `Cannot run the async function "${shown}" on the sync server: it would wait for the thread that waits for it; pass a reference such as "app.ts:app", or take the async server`,
    );
  }
  if (threads > 0 && !reference) {
    throw new GatewayError(
      'USAGE',
      `Cannot run the function "${shown}" on ${threads} threads: a thread loads the app by itself; pass a reference such as "app.ts:app", or threads: 0`,
    );
  }
  const how = threads > 0 ? 'threads' : 'inline';
  if (kind === 'async') return { carrier: `sync ${how} ← async`, threads };
  return { carrier: server === 'sync' ? `sync ${how}` : `async ← sync ${how}`, threads };
}

/** A connection can hold a thread only where threads are what it is served by. */
function checkUnbuffered(
  shown: string,
  { kind, server, threads }: { kind: Kind; server: Kind; threads: number },
): void {
  let why: string | null = null;
  if (kind === 'async') why = 'it is an async app, whose requests hold no thread; leave --buffer on';
  else if (server === 'async')
    why = 'the async server reads by itself; leave --buffer on, or the server at sync';
  else if (threads === 0)
    why = 'it runs on the event loop, which nobody may hold; leave --buffer on, or give it threads';
  if (why === null) return;
  throw new GatewayError('USAGE', `Cannot serve "${shown}" with the buffer off: ${why}`);
}

/** Does this carrier call the app in this thread? Otherwise its threads load it. */
export function callsHere({ carrier }: Plan): boolean {
  return carrier === 'async' || carrier === 'sync inline' || carrier === 'async ← sync inline';
}

/** `sync threads (4)`, for people. */
export function nameOf({ carrier, threads }: Plan): string {
  return threads > 0 ? carrier.replace('threads', `threads (${threads})`) : carrier;
}

export type OnUnfit = NonNullable<ThreadOptions['onUnfit']>;

/** What a gate is made with beside the app and the plan for it. */
export interface Means {
  readonly config: Settled;
  readonly log: Log;
  readonly onUnfit: OnUnfit;
}

export function gateFor(subject: Subject, plan: Plan, means: Means): Gate {
  const build = builders[plan.carrier];
  return build({ ...means, subject, threads: plan.threads });
}

interface Order extends Means {
  readonly subject: Subject;
  readonly threads: number;
}

const builders: Readonly<Record<Carrier, (order: Order) => Gate>> = {
  async: (order) => new AsyncServer(asyncFunction(order), asyncOptions(order)),
  'sync inline': (order) => new SyncServer(syncFunction(order), syncOptions(order)),
  'sync threads': (order) => new SyncServer(sourceOf(order), syncOptions(order)),
  'async ← sync inline': (order) => {
    const { maxBody, timeout } = order.config;
    const app = syncToAsync(syncFunction(order), {
      maxBody,
      timeout,
      log: order.log,
      ...bridgeOptions(order),
    });
    return new AsyncServer(app, { ...asyncOptions(order), lifespan: 'auto' });
  },
  'async ← sync threads': asyncOverThreads,
  'sync inline ← async': inlineOverLoop,
  'sync threads ← async': threadsOverLoop,
};

/** The pool starts with the lifespan, so that the server listens only when its threads are ready. */
function asyncOverThreads(order: Order): Gate {
  const { threads, config, log } = order;
  // When it is disposed of, the server has let its requests finish, or cut them.
  const app = syncToAsync(sourceOf(order), {
    threads,
    backlog: config.queue,
    log,
    grace: 0,
    ...threadOptions({ ...config, onUnfit: order.onUnfit }),
    ...bridgeOptions(order),
  });
  const server = new AsyncServer(app, { ...asyncOptions(order), lifespan: 'on' });
  return {
    listen: (bind) => server.listen(bind),
    reloadTls: () => server.reloadTls(),
    close: async (grace) => {
      await server.close(grace);
      await app[Symbol.asyncDispose]();
    },
  };
}

function inlineOverLoop(order: Order): Gate {
  const app = asyncToSync(sourceOf(order), loopOptions(order));
  const server = new SyncServer(app, syncOptions(order));
  return {
    listen: async (bind) => {
      await app.ready;
      return server.listen(bind);
    },
    reloadTls: () => server.reloadTls(),
    close: async (grace) => {
      await server.close(grace);
      await app[Symbol.asyncDispose]();
    },
  };
}

function threadsOverLoop(order: Order): Gate {
  const loop = new LoopThread(sourceOf(order), loopOptions(order));
  const server = new SyncServer(asyncSource(sourceOf(order)), {
    ...syncOptions(order),
    argument: () => loop.caller(),
  });
  return {
    listen: async (bind) => {
      await loop.start();
      return server.listen(bind);
    },
    reloadTls: () => server.reloadTls(),
    close: async (grace) => {
      await server.close(grace);
      await loop.close(afterwards(grace ?? order.config.grace));
    },
  };
}

function asyncOptions({ config, log }: Order): AsyncServerOptions {
  const { lifespan, grace, engine } = config;
  return { lifespan, grace, engine, log, ...listenerOptions(config) };
}

function syncOptions({ threads, config, log, onUnfit }: Order): SyncServerOptions {
  const { grace, queue, maxBody, engine, environ, buffer } = config;
  const more = { ...listenerOptions(config), ...threadOptions({ ...config, onUnfit }) };
  return { threads, backlog: queue, maxBody, grace, engine, environ, buffer, log, ...more };
}

/** The engine has dropped or refused them; a bridge makes variables of them where it has not. */
function bridgeOptions({ config }: Order): Pick<PoolBridgeOptions, 'underscores' | 'environ'> {
  return { underscores: config.underscoreHeaders === 'allow', environ: config.environ };
}

/** What calls get to end by themselves, in ms, when the server is closed: nobody waits for them any more. */
function afterwards(grace: number): number {
  return Math.min(grace, 500);
}

function loopOptions({ config, log }: Order): LoopOptions {
  return { lifespan: config.lifespan, log, grace: afterwards(config.grace) };
}

function syncFunction({ subject, config }: Order): SyncApp {
  if (subject.known?.kind === 'sync') return config.lint ? lint(subject.known.app) : subject.known.app;
  throw new GatewayError('APP_KIND', `Cannot call "${subject.shown}": it is not a sync app`);
}

function asyncFunction({ subject }: Order): Extract<Known, { kind: 'async' }>['app'] {
  if (subject.known?.kind === 'async') return subject.known.app;
  throw new GatewayError('APP_KIND', `Cannot call "${subject.shown}": it is not an async app`);
}

/** Where its thread is to put lint around it, it says so. */
function sourceOf({ subject, config }: Order): AppSource {
  if (subject.source) return config.lint ? { ...subject.source, lint: true } : subject.source;
  throw new GatewayError('USAGE', `Cannot load "${subject.shown}" on a thread: it is no reference`);
}
