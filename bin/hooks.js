// Module hooks for a Node that cannot run TypeScript by itself: .ts by esbuild (which tsx brings), and our own source.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Modules that were transpiled before: file URL to JavaScript. */
let table = {};
/** Does `dualgate/…` mean src/ rather than dist/? */
let source = false;
/** Where the user's project is: the second place to look for tsx. */
let directory = process.cwd();

export function initialize(data = {}) {
  table = data.table ?? {};
  source = data.source ?? false;
  directory = data.directory ?? directory;
}

export async function resolve(specifier, context, next) {
  const own = source && /^dualgate(\/|$)/.test(specifier);
  const chosen = own ? { ...context, conditions: [...context.conditions, 'source'] } : context;
  try {
    return await next(specifier, chosen);
  } catch (error) {
    // TypeScript's habit of importing './x.js' where './x.ts' stands
    const twin = /^(\.{1,2}\/|file:).*\.m?js$/.test(specifier) && error?.code === 'ERR_MODULE_NOT_FOUND';
    if (!twin) throw error;
    try {
      return await next(specifier.replace(/js$/, 'ts'), chosen);
    } catch {
      throw error; // the one that names what the user wrote
    }
  }
}

export async function load(url, context, next) {
  if (!isTypeScript(url)) return next(url, context);
  const [file] = url.split(/[?#]/);
  const code = table[file] ?? (await transpile(file));
  return { format: 'module', source: code, shortCircuit: true };
}

export function isTypeScript(url) {
  return url.startsWith('file:') && /\.(m?ts|tsx)([?#]|$)/.test(url);
}

/** One module as JavaScript, with its source map inside. */
export async function transpile(url) {
  const path = new URL(url);
  const text = await readFile(path, 'utf8');
  const options = {
    loader: url.endsWith('x') ? 'tsx' : 'ts',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    sourcesContent: false,
    sourcefile: url,
  };
  const { code } = await using((service) => service.transform(text, options));
  return code;
}

let busy = 0;
let idle;

/** esbuild is a process of its own: it ends when nobody has needed it for a moment, and comes again when somebody does. */
export async function using(work) {
  const service = esbuild(directory);
  busy += 1;
  clearTimeout(idle);
  try {
    return await work(service);
  } finally {
    busy -= 1;
    // Only when nothing is under way: what a stopped service was asked is never answered.
    if (busy === 0) idle = setTimeout(() => service.stop(), 2000).unref();
  }
}

/** The esbuild that tsx brings: ours, or that of the project in `from`. Throws where there is none. */
export function esbuild(from = directory) {
  const project = pathToFileURL(`${from}/`);
  for (const base of [import.meta.url, new URL('package.json', project)]) {
    try {
      return createRequire(createRequire(base).resolve('tsx/package.json'))('esbuild');
    } catch (error) {
      if (error?.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error('TypeScript apps need the package tsx on this Node: npm install tsx');
}
