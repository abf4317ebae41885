// The carriers and what each can: every conformance test runs on each of them that has what it needs.
import { afterAll, beforeAll, describe, type ExpectStatic, expect, test } from 'vitest';

import { AsyncServer, type AsyncServerOptions } from '../../src/async/server.ts';
import { asyncSource } from '../../src/bridge/carry.ts';
import { LoopThread } from '../../src/bridge/loop/loop.ts';
import { syncToAsync } from '../../src/bridge/sync-to-async.ts';
import { parseRef } from '../../src/core/load.ts';
import type { Engine } from '../../src/http/engine.ts';
import type { Limits } from '../../src/http/limits.ts';
import { SyncServer, type SyncServerOptions } from '../../src/sync/server.ts';
import { RawClient } from '../support/raw-client.ts';
import { Recorder } from '../support/recorder.ts';
import { Report } from '../support/report.ts';
import * as all from './apps/all.ts';

export type Can =
  | 'http'
  | 'websocket'
  | 'lifespan'
  | 'request-streaming'
  | 'response-streaming'
  | 'concurrency';
export type AppName = all.AppName;

export interface StartOptions {
  /** 127.0.0.1:0 by default. */
  bind?: string;
  /** Of a pool; 3 by default: fewer start sooner, and two that are stuck leave one. */
  threads?: number;
  lifespan?: 'auto' | 'on' | 'off';
  startupTimeout?: number;
  shutdownTimeout?: number;
  grace?: number;
  limits?: Partial<Limits>;
  engine?: Engine;
  /** ms that a sync call may hold its thread without progress; 30 000 by default. */
  timeout?: number;
  /** Variables of the deployer's, for a sync app. */
  environ?: Readonly<Record<string, string>>;
}

export interface Started extends AsyncDisposable {
  /** What listen() said. */
  readonly shown: string;
  /** The server's address; http://localhost/ where it is a unix socket. */
  readonly url: URL;
  /** Where a raw client connects: the URL, or the socket's path. */
  readonly where: URL | string;
  readonly log: Recorder;
  close(grace?: number): Promise<void>;
}

export type CarrierName =
  | 'sync inline'
  | 'sync threads'
  | 'async'
  | 'async ← sync inline'
  | 'async ← sync threads'
  | 'sync threads ← async';

/** Server first, then what it carries. */
export interface Carrier {
  readonly name: CarrierName;
  readonly engine: 'own' | 'node';
  /** Its name, and its engine where that is not our own: `async (node)`. */
  readonly title: string;
  /** The contract that its apps speak. */
  readonly kind: 'sync' | 'async';
  readonly can: ReadonlySet<Can>;
  /** What it cannot, and why. */
  readonly gaps: Readonly<Partial<Record<Can, string>>>;
  start(options?: StartOptions): Promise<Started>;
}

const everything: readonly Can[] = [
  'http',
  'websocket',
  'lifespan',
  'request-streaming',
  'response-streaming',
  'concurrency',
];
const ref = `${new URL('./apps/all.ts', import.meta.url).href}#`;

const noSocket = 'environ["wsgi.websocket"] is a later issue';
const noLifespan = 'the sync contract has no lifespan';
const wholeBody = 'the app blocks the loop that would read on, so the body is read before it is called';
const oneLoop = 'the app blocks the only thread';

type Gaps = Carrier['gaps'];
const gapsOfInline: Gaps = {
  websocket: noSocket,
  lifespan: noLifespan,
  'request-streaming': wholeBody,
  concurrency: oneLoop,
};
const gapsOfThreads: Gaps = { websocket: noSocket, lifespan: noLifespan };

const own: readonly Carrier[] = [
  carrier('sync inline', 'sync', gapsOfInline, (options, log) => {
    return new SyncServer(all.sync, syncOptions(options, log));
  }),
  carrier('sync threads', 'sync', gapsOfThreads, (options, log) => {
    const { threads = 3 } = options;
    return new SyncServer(`${ref}sync`, { ...syncOptions(options, log), threads });
  }),
  carrier('async', 'async', {}, (options, log) => new AsyncServer(all.async, asyncOptions(options, log))),
  carrier('async ← sync inline', 'sync', gapsOfInline, (options, log) => {
    const app = syncToAsync(all.sync, { log, ...syncOnly(options) });
    return new AsyncServer(app, asyncOptions(options, log));
  }),
  carrier('async ← sync threads', 'sync', gapsOfThreads, (options, log) => {
    const { threads = 3 } = options;
    const app = syncToAsync(`${ref}sync`, { threads, log, ...syncOnly(options) });
    const server = new AsyncServer(app, { ...asyncOptions(options, log), lifespan: 'on' });
    return {
      listen: (bind) => server.listen(bind),
      close: async (grace) => {
        await server.close(grace);
        await app[Symbol.asyncDispose]();
      },
    };
  }),
  carrier('sync threads ← async', 'async', { websocket: noSocket }, (options, log) => {
    const source = parseRef(`${ref}async`);
    const { lifespan, startupTimeout, shutdownTimeout, threads = 3 } = options;
    const loop = new LoopThread(source, {
      log,
      ...(lifespan !== undefined && { lifespan }),
      ...(startupTimeout !== undefined && { startupTimeout }),
      ...(shutdownTimeout !== undefined && { shutdownTimeout }),
    });
    const argument = () => loop.caller();
    const server = new SyncServer(asyncSource(source), { ...syncOptions(options, log), threads, argument });
    return {
      listen: async (bind) => {
        await loop.start();
        return await server.listen(bind);
      },
      close: async (grace) => {
        await server.close(grace);
        await loop.close();
      },
    };
  }),
];

/** The same on node:http; `async ← sync inline` has nothing of its own there. */
export const carriers: readonly Carrier[] = [
  ...own,
  ...own.filter(({ name }) => name !== 'async ← sync inline').map(overNode),
];

function overNode(each: Carrier): Carrier {
  return {
    ...each,
    engine: 'node',
    title: `${each.name} (node)`,
    start: (options) => each.start({ ...options, engine: 'node' }),
  };
}

export function carrierOf(name: CarrierName): Carrier {
  const found = own.find((each) => each.name === name);
  if (!found) throw new Error(`There is no carrier "${name}"`);
  return found;
}

interface Server {
  listen(bind: string): Promise<{ readonly url: string }>;
  close(grace?: number): Promise<void>;
}

function carrier(
  name: CarrierName,
  kind: Carrier['kind'],
  gaps: Gaps,
  make: (options: StartOptions, log: Recorder) => Server,
): Carrier {
  const can = new Set(everything.filter((each) => !gaps[each]));
  return {
    name,
    engine: 'own',
    title: name,
    kind,
    gaps,
    can,
    start: async (options = {}) => await start(make, options),
  };
}

async function start(
  make: (options: StartOptions, log: Recorder) => Server,
  options: StartOptions,
): Promise<Started> {
  const log = new Recorder();
  const server = make(options, log);
  const close = (grace = 500) => server.close(grace);
  try {
    const { url: shown } = await server.listen(options.bind ?? '127.0.0.1:0');
    const path = shown.startsWith('unix:') ? shown.slice(5) : null;
    const url = new URL(path === null ? shown : 'http://localhost/');
    return { shown, url, where: path ?? url, log, close, [Symbol.asyncDispose]: () => close(0) };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** What means something to a sync app only. */
function syncOnly({ environ, timeout }: StartOptions): Pick<StartOptions, 'environ' | 'timeout'> {
  return { ...(environ !== undefined && { environ }), ...(timeout !== undefined && { timeout }) };
}

function syncOptions(options: StartOptions, log: Recorder): SyncServerOptions {
  const { grace, limits, engine } = options;
  return {
    log,
    ...syncOnly(options),
    ...(grace !== undefined && { grace }),
    ...(limits !== undefined && { limits }),
    ...(engine !== undefined && { engine }),
  };
}

function asyncOptions(options: StartOptions, log: Recorder): AsyncServerOptions {
  const { grace, limits, engine, lifespan, startupTimeout, shutdownTimeout } = options;
  return {
    log,
    ...(engine !== undefined && { engine }),
    ...(grace !== undefined && { grace }),
    ...(limits !== undefined && { limits }),
    ...(lifespan !== undefined && { lifespan }),
    ...(startupTimeout !== undefined && { startupTimeout }),
    ...(shutdownTimeout !== undefined && { shutdownTimeout }),
  };
}

/* ── the tests' side ────────────────────────────────────────────────── */

export interface Context {
  readonly carrier: Carrier;
  /** The app's address: http://127.0.0.1:PORT/echo/. */
  readonly url: URL;
  /** A path and query of the app, with the report's file in it: `/echo/stream?size=3&report=…`. */
  readonly path: (mode?: string, query?: Record<string, string | number>) => string;
  /** A raw connection, closed after the test. */
  readonly raw: () => Promise<RawClient>;
  /** What the app notes, wherever it runs. */
  readonly report: Report;
  readonly log: Recorder;
  readonly expect: ExpectStatic;
  /** Starts one more server of this carrier, closed after the test. */
  readonly start: (options?: StartOptions) => Promise<Started>;
}

export interface CaseOptions {
  /** Carriers that have what is needed and still differ, with the reason. */
  except?: Partial<Record<CarrierName, string>>;
  /** Why it does not hold on node:http. */
  notOnNode?: string;
  /** Milliseconds; 15 000 by default. */
  timeout?: number;
  /** Doesn't need the area's own server. */
  alone?: boolean;
}

/** Why what write() took may stay where it is while a sync app blocks the loop of an async server. */
export const noFlush: Partial<Record<CarrierName, string>> = {
  'async ← sync inline': 'ASGI has no flush: what write() took leaves when the app lets go of the loop',
};

interface Case extends CaseOptions {
  readonly needs: readonly Can[];
  readonly app: AppName;
  readonly title: string;
  readonly run: (context: Context) => Promise<void>;
}

let collected: Case[] | null = null;

/** All conformance tests of one area: `async ← sync threads › bodies › [W-75] …`. */
export function area(name: string, define: () => void): void {
  collected = [];
  define();
  const cases = collected;
  collected = null;
  for (const each of carriers) {
    const mine = cases.filter((one) => runsOn(one, each));
    if (mine.length === 0) continue;
    describe(each.title, () => {
      describe(name, () => {
        register(each, mine);
      });
    });
  }
}

/**
 * One test, on every carrier that can. The clause at the title's head says whose it is: `[W-75]` runs where the app is
 * sync, `[A-31]` where it is async, `[W-83][A-08]` on both and is called by the one that holds there; `[W-85][-]` runs on
 * both too, and has a clause in one contract only.
 */
export function conformance(
  needs: Can | readonly Can[],
  app: AppName,
  title: string,
  run: (context: Context) => Promise<void>,
  options: CaseOptions = {},
): void {
  if (!collected) throw new Error(`conformance(${JSON.stringify(title)}) is called inside area()`);
  collected.push({ needs: typeof needs === 'string' ? [needs] : needs, app, title, run, ...options });
}

function runsOn({ needs, title, except, notOnNode }: Case, on: Carrier): boolean {
  if (on.engine === 'node' && notOnNode !== undefined) return false;
  return (
    titleOn(title, on) !== null && needs.every((each) => on.can.has(each)) && except?.[on.name] === undefined
  );
}

/** The title with the clauses of this carrier's contract; null where the test is of the other one's. */
function titleOn(title: string, { kind }: Carrier): string | null {
  const [head = ''] = /^(?:\[[^\]]+\])+ /.exec(title) ?? [];
  if (head === '') return title;
  const given = [...head.matchAll(/\[([^\]]+)\]/g)].map(([, id = '']) => id);
  const mine = given.filter((id) => id !== '-' && !(kind === 'sync' ? /^A-/ : /^[WV]-/).test(id));
  const rest = title.slice(head.length);
  if (mine.length > 0) return `${mine.map((id) => `[${id}]`).join('')} ${rest}`;
  return given.includes('-') ? rest : null;
}

function register(on: Carrier, cases: readonly Case[]): void {
  let shared: Started | null = null;
  if (cases.some((each) => !each.alone)) {
    beforeAll(async () => {
      shared = await on.start();
    });
    afterAll(async () => {
      await shared?.close(0);
    });
  }
  for (const each of cases) {
    test(titleOn(each.title, on) ?? each.title, { timeout: each.timeout ?? 15_000 }, async () => {
      await runCase(on, each, shared);
    });
  }
}

async function runCase(on: Carrier, { app, run }: Case, shared: Started | null): Promise<void> {
  const opened: AsyncDisposable[] = [];
  using report = new Report();
  const log = shared?.log ?? new Recorder();
  log.clear();
  const path: Context['path'] = (mode = '', query = {}) => {
    const given = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return `/${app}/${mode}?${[...given, report.query].join('&')}`;
  };
  const base = shared?.url ?? new URL('http://localhost/');
  const keep = <T extends AsyncDisposable>(made: T): T => {
    opened.push(made);
    return made;
  };
  try {
    await run({
      carrier: on,
      url: new URL(`/${app}/`, base),
      path,
      raw: async () => keep(await RawClient.open(base)),
      report,
      log,
      expect,
      start: async (options) => keep(await on.start(options)),
    });
  } finally {
    for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
  }
}
