// An app, served in this process: serve() is the front door, in code and for the command.
import type { AsyncApp } from '../async/interface.ts';
import { deferred } from '../core/deferred.ts';
import { GatewayError } from '../core/errors.ts';
import { type AnyApp, type AppRef, type AppSource, loadApp, parseRef } from '../core/load.ts';
import { createLog, type Log } from '../core/log.ts';
import type { SyncApp } from '../sync/interface.ts';
import { startAccessLog } from './access-log.ts';
import { settle } from './config.ts';
import { callsHere, type Gate, gateFor, nameOf, type OnUnfit, planFor, type Subject } from './gate.ts';
import { idleSettings } from './idle-settings.ts';
import { article, knownApp } from './kind.ts';
import { type Config, longest, type Settled } from './settings.ts';

export interface ServeOptions extends Config {
  /** Takes the lines that would go to standard error; logLevel and logFormat then say nothing. */
  readonly log?: Log;
}

/** A server that runs. */
export interface Served extends AsyncDisposable {
  /** With the real port: `http://127.0.0.1:8000`, `https://…` with a certificate, or `unix:/path`. */
  readonly url: string;
  /** Server first, then what it carries: `sync threads (4)`, `async ← sync inline`. */
  readonly carrier: string;
  /**
   * Reads the certificates again: new connections get them, those that are there go on. Does nothing without TLS.
   * Throws GatewayError TLS where one cannot be read or used: then all stays as it was.
   */
  reloadCertificates(): void;
  /**
   * Resolves when this process should be replaced: so many of its threads are in native calls, which nothing can end, that
   * they run out. It serves on with those that are left, and refuses what none is left for.
   */
  readonly unfit: Promise<GatewayError>;
  /** After close(): some of its threads could not be ended, and process.exit() would wait for them. */
  readonly stuck: boolean;
  /** Stops accepting, lets running requests finish for `grace` ms (the setting by default), then cuts. Safe to call twice. */
  close(grace?: number): Promise<void>;
}

/**
 * Serves an app: a function on this thread, or a reference such as `app.ts:app`, which can also go to threads.
 * TypeScript takes a bare function of two parameters for neither kind: say `satisfies SyncApp`.
 * Settings: defaults < DUALGATE_* < `options`; docs/reference/settings.md has them.
 * Resolves once it accepts connections. Rejects with GatewayError: USAGE (an option is wrong), APP_LOAD, APP_KIND,
 * APP_START (lifespan), LISTEN (the address), TLS (a certificate), BRIDGE_SAME_THREAD (an async function on the sync server).
 */
export async function serve(app: SyncApp | AsyncApp | AppRef, options: ServeOptions = {}): Promise<Served> {
  const { log: given, ...code } = options;
  const config = settle(code);
  const log = given ?? logFor(config);
  const subject = await look(app, config);
  const plan = planFor(subject.kind, subject.source !== null, config, subject.shown);
  const unfit = deferred<GatewayError>();
  let stuck = false;
  const onUnfit: OnUnfit = ({ why, closed }) => {
    stuck ||= closed;
    unfit.resolve(why);
  };
  const seen = callsHere(plan) ? await loaded(subject, config) : subject;
  const gate = gateFor(seen, plan, { config, log, onUnfit });
  const carrier = nameOf(plan);
  const stopAccessLog = config.accessLog ? startAccessLog() : () => {};
  const close = closer(gate, config, stopAccessLog);
  try {
    const { url } = await gate.listen(config.bind);
    log.info(`${found(subject)}; carried by ${carrier}`);
    for (const line of idleSettings(config, { kind: subject.kind, threads: plan.threads })) log.warn(line);
    if (!config.buffer) log.warn(threadsHeld);
    if (config.trustedProxies.includes('*') && config.trustedHops === 0) log.warn(everybodyTrusted);
    const reloadCertificates = (): void => gate.reloadTls();
    return {
      url,
      carrier,
      reloadCertificates,
      close,
      unfit: unfit.promise,
      get stuck() {
        return stuck;
      },
      [Symbol.asyncDispose]: () => close(),
    };
  } catch (error) {
    await close(0);
    throw named(error, subject);
  }
}

const threadsHeld =
  'The buffer is off: each connection holds a thread from its accept on, and so does a client that says nothing';
const everybodyTrusted =
  'Anybody may say who the client is: trustedProxies has "*"; say by trustedHops how many proxies stand in front, or name them';

/** A thread that ended while it loaded the app knows its number, not the app. */
function named(thrown: unknown, { shown }: Subject): unknown {
  if (!(thrown instanceof GatewayError) || thrown.message.includes(shown)) return thrown;
  const [, what] = /(thread \d+ has ended.*)$/s.exec(thrown.message) ?? [];
  if (what === undefined) return thrown;
  const message = `Cannot load "${shown}": its ${what}, before the app was served`;
  return new GatewayError('APP_LOAD', message, { cause: thrown });
}

export function logFor({ logLevel, logFormat }: Settled): Log {
  return createLog({ level: logLevel, ...(logFormat !== 'auto' && { format: logFormat }) });
}

function closer(gate: Gate, config: Settled, stopAccessLog: () => void): (grace?: number) => Promise<void> {
  let closing: Promise<void> | undefined;
  return (grace = config.grace) => {
    closing ??= gate.close(Math.min(grace, longest)).finally(stopAccessLog);
    return closing;
  };
}

/** A reference is loaded here to see its kind; where --interface tells it, that is left to whoever calls the app. */
async function look(app: SyncApp | AsyncApp | AppRef, config: Settled): Promise<Subject> {
  if (typeof app !== 'string') {
    const shown = app.name || 'app';
    // Either kind of app is a function; knownApp looks at it.
    const known = knownApp(app as AnyApp, shown, config.interface);
    return { kind: known.kind, shown, known, source: null };
  }
  const source = parseRef(app, { factory: config.factory });
  const subject = { shown: source.shown, known: null, source };
  if (config.interface !== 'auto') return { ...subject, kind: config.interface };
  const known = await loadKnown(source, config);
  return { ...subject, kind: known.kind, known };
}

async function loaded(subject: Subject, config: Settled): Promise<Subject> {
  if (subject.known || !subject.source) return subject;
  return { ...subject, known: await loadKnown(subject.source, config) };
}

async function loadKnown(source: AppSource, config: Settled): Promise<NonNullable<Subject['known']>> {
  return knownApp(await loadApp(source), source.shown, config.interface);
}

/** `app.ts:app is a sync app (environ, startResponse)`. */
function found({ shown, kind, known }: Subject): string {
  return `${shown} is ${article(kind)} app ${known ? known.takes.replace(/^(?=\d)/, 'of ') : '(--interface says so)'}`;
}
