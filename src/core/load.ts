// 'app.ts:app' to what it exports.
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { deferred } from './deferred.ts';
import { asError, GatewayError } from './errors.ts';
import { oneLine } from './place.ts';
import { registerTypeScript } from './transpile.ts';

/** Where an app is: `app.ts:app`, `app.mjs` (then `app`, else `default`), or a file: URL with `#name`. */
export type AppRef = string;

/** A reference, read: what another thread needs to load the same app. */
export interface AppSource {
  readonly url: string;
  /** null: `app`, else `default`. */
  readonly name: string | null;
  /** The export makes the app: it is called once, and its result (awaited) is the app. */
  readonly factory: boolean;
  /** Whoever runs it puts the lint of its contract around it. */
  readonly lint?: boolean;
  /** As the user wrote it, for messages. */
  readonly shown: string;
}

export type AnyApp = (...args: never[]) => unknown;

/** How long a module may take to load, its factory included, ms. */
const patience = 60_000;

const endings = ['.ts', '.mts', '.js', '.mjs'];

/** Reads a reference. Throws GatewayError USAGE where it names no file. */
export function parseRef(ref: AppRef, options: { factory?: boolean; directory?: string } = {}): AppSource {
  const { factory = false, directory = process.cwd() } = options;
  if (ref.startsWith('file:')) {
    const url = new URL(ref);
    const name = url.hash.slice(1) || null;
    url.hash = '';
    return { url: url.href, name, factory, shown: ref };
  }
  const colon = ref.lastIndexOf(':');
  // `C:\app.ts` has a colon that names nothing
  const named = colon > 1 && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(ref.slice(colon + 1));
  const path = named ? ref.slice(0, colon) : ref;
  if (!named && colon > 1) {
    throw new GatewayError(
      'USAGE',
      `Cannot read "${ref}": what follows the colon is not the name of an export, as in app.ts:app`,
    );
  }
  const file = fileOf(isAbsolute(path) ? path : resolve(directory, path), ref);
  return { url: pathToFileURL(file).href, name: named ? ref.slice(colon + 1) : null, factory, shown: ref };
}

/**
 * Imports the module and finds the export; calls it with `argument` where it is a factory. Throws GatewayError APP_LOAD,
 * whose message is one line and whose cause is what the module threw; also where it is not there within `timeout` ms.
 */
export function loadApp(source: AppSource, argument?: unknown, timeout: number = patience): Promise<AnyApp> {
  return inTime(source, timeout, find(source, argument));
}

/** Nothing keeps an await alive that waits for nothing: Node would end without a word (exit code 13). */
async function inTime(source: AppSource, timeout: number, loading: Promise<AnyApp>): Promise<AnyApp> {
  const late = deferred<never>();
  const idle = (): void => {
    const why = 'it awaits something that never comes: nothing is left that could end its loading';
    late.reject(failure(source, why));
  };
  const timer = setTimeout(() => {
    late.reject(failure(source, `it took longer than ${timeout / 1000} s`));
  }, timeout).unref();
  process.once('beforeExit', idle);
  try {
    return await Promise.race([loading, late.promise]);
  } finally {
    clearTimeout(timer);
    process.off('beforeExit', idle);
  }
}

async function find(source: AppSource, argument: unknown): Promise<AnyApp> {
  const module = await importModule(source);
  const name = source.name ?? (module['app'] === undefined ? 'default' : 'app');
  const found = module[name];
  if (found === undefined) {
    const names = Object.keys(module).join(', ') || 'nothing';
    throw failure(source, `it has no export "${name}", it exports ${names}`);
  }
  if (typeof found !== 'function') {
    throw failure(source, `its export "${name}" is ${describe(found)}, an app is a function`);
  }
  // A function of unknown parameters: kind.ts or the executor looks at it further.
  if (!source.factory) return noClass(source, found as AnyApp, `export "${name}" is`);
  return made(source, name, found as (argument: unknown) => unknown, argument);
}

async function importModule(source: AppSource): Promise<Record<string, unknown>> {
  if (/\.(m?ts|tsx)$/.test(source.url)) {
    await registerTypeScript().catch((error: unknown) => {
      throw failure(source, asError(error).message, error);
    });
  }
  try {
    return await import(source.url);
  } catch (error) {
    throw failure(source, `it threw ${await oneLine(error, source.url)}`, error);
  }
}

async function made(
  source: AppSource,
  name: string,
  factory: (argument: unknown) => unknown,
  argument: unknown,
): Promise<AnyApp> {
  let app: unknown;
  try {
    app = await factory(argument);
  } catch (error) {
    throw failure(source, `its factory "${name}" threw ${await oneLine(error, source.url)}`, error);
  }
  if (typeof app !== 'function') {
    throw failure(source, `its factory "${name}" returned ${describe(app)}, an app is a function`);
  }
  // As above: checked by whoever runs it.
  return noClass(source, app as AnyApp, `factory "${name}" returned`);
}

/** A class is a function that can never be called. */
function noClass(source: AppSource, app: AnyApp, where: string): AnyApp {
  if (!/^class\b/.test(Function.prototype.toString.call(app))) return app;
  throw failure(source, `its ${where} a class, an app is a function: export a bound method of an instance`);
}

function fileOf(path: string, ref: AppRef): string {
  const file = [path, ...endings.map((ending) => path + ending)].find(
    (one) => existsSync(one) && statSync(one).isFile(),
  );
  if (file === undefined)
    throw new GatewayError('APP_LOAD', `Cannot load "${ref}": there is no file "${path}"`);
  if (!endings.some((ending) => file.endsWith(ending))) {
    throw new GatewayError(
      'APP_LOAD',
      `Cannot load "${ref}": an app is a module that ends in ${endings.join(', ')}`,
    );
  }
  return file;
}

function failure(source: AppSource, why: string, cause?: unknown): GatewayError {
  return new GatewayError(
    'APP_LOAD',
    `Cannot load "${source.shown}": ${why}`,
    cause === undefined ? undefined : { cause },
  );
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
