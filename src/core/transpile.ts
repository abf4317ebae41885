// TypeScript modules as JavaScript, made once and shared by all threads: 0.1 s for a pool of four instead of 0.3 s CPU a thread.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What bin/hooks.js is initialised with. */
export interface HooksData {
  readonly table: Readonly<Record<string, string>>;
  readonly source: boolean;
  readonly directory: string;
}
export interface Hooks {
  readonly url: string;
  readonly data: HooksData;
}

interface Resolved {
  path?: string;
  external?: boolean;
}
interface Plugin {
  onResolve(options: { filter: RegExp }, callback: (args: { path: string }) => Resolved): void;
}
interface Esbuild {
  build(options: object): Promise<{ metafile: { inputs: Record<string, unknown> } }>;
}
interface HooksModule {
  isTypeScript(url: string): boolean;
  transpile(url: string): Promise<string>;
  esbuild(directory: string): Esbuild;
  using<T>(work: (esbuild: Esbuild) => Promise<T>): Promise<T>;
}

const root = new URL('../../', import.meta.url);
const hooksUrl = new URL('bin/hooks.js', root).href;
/** Do we run from src? Then `dualgate/…` means src, and our own threads are TypeScript too. */
export const fromSource: boolean = import.meta.url.endsWith('.ts');
const own: Record<string, { source: string }> = fromSource ? exportsOf(new URL('package.json', root)) : {};

const made = new Map<string, Promise<Readonly<Record<string, string>>>>();

/** The hooks that a thread needs to import `entries`; null where Node can do it alone. */
export async function hooksFor(entries: readonly string[]): Promise<Hooks | null> {
  const typescript = entries.filter((url) => /\.(m?ts|tsx)$/.test(url));
  if (typescript.length === 0) return null;
  const hooks = await load();
  if (!hooks) return null;
  const key = typescript.join(' ');
  const table = made.get(key) ?? tableOf(hooks, typescript);
  made.set(key, table);
  return { url: hooksUrl, data: { table: await table, source: fromSource, directory: process.cwd() } };
}

let registered = false;

/** Makes this thread able to import TypeScript, once; nothing to do where Node or a loader does it already. */
export async function registerTypeScript(): Promise<void> {
  if (registered || fromSource) return;
  registered = true;
  if (!(await load())) return;
  process.setSourceMapsEnabled(true);
  register(hooksUrl, { data: { table: {}, source: false, directory: process.cwd() } });
}

/** The hooks module, or null where tsx is missing and Node strips types by itself. */
async function load(): Promise<HooksModule | null> {
  // bin/hooks.js is plain JavaScript, because module hooks are loaded before any hook can help.
  const hooks = (await import(hooksUrl)) as HooksModule;
  try {
    hooks.esbuild(process.cwd());
    return hooks;
  } catch (error) {
    if ('typescript' in process.features && process.features.typescript) return null;
    throw error;
  }
}

/** All TypeScript modules that `entries` reach by static imports. What is missed is transpiled when it is imported. */
async function tableOf(hooks: HooksModule, entries: readonly string[]): Promise<Record<string, string>> {
  let files: string[];
  try {
    const { metafile } = await hooks.using((esbuild) =>
      esbuild.build({
        entryPoints: entries.map((url) => fileURLToPath(url)),
        absWorkingDir: '/',
        outdir: '/unused',
        bundle: true,
        write: false,
        metafile: true,
        platform: 'node',
        format: 'esm',
        logLevel: 'silent',
        plugins: [{ name: 'graph', setup }],
      }),
    );
    files = Object.keys(metafile.inputs).map((path) => pathToFileURL(`/${path}`).href);
  } catch {
    // A module that esbuild cannot read: the thread's own import reports it, with file and line.
    files = [];
  }
  const modules = files.filter((url) => hooks.isTypeScript(url));
  return Object.fromEntries(await Promise.all(modules.map(async (url) => [url, await hooks.transpile(url)])));
}

/** Packages stay outside the graph, but for our own name, which means src. */
function setup(build: Plugin): void {
  build.onResolve({ filter: /^[^./]/ }, ({ path }) => {
    const face = own[path.replace(/^dualgate/, '.')];
    if (path.startsWith('dualgate') && face) return { path: fileURLToPath(new URL(face.source, root)) };
    return path.startsWith('file:') || path.startsWith('/') ? {} : { path, external: true };
  });
}

function exportsOf(url: URL): Record<string, { source: string }> {
  // Our own package.json; test/house.test.ts holds its rows against the index files.
  return (JSON.parse(readFileSync(url, 'utf8')) as { exports: Record<string, { source: string }> }).exports;
}
