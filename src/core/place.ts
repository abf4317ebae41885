// What was thrown, in one line: its words, and the first place in somebody's own file.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How long a second look at a syntax error may take, ms. */
const patience = 5_000;
const root = new URL('../../', import.meta.url);
/** Places of dualgate itself tell its user nothing. */
const own: readonly string[] = ['bin/', 'src/', 'dist/'].map((folder) =>
  fileURLToPath(new URL(folder, root)),
);

/** An error of the module at `url`: its name, its message, and where it was thrown, in a file that is not dualgate's. */
export async function oneLine(thrown: unknown, url: string): Promise<string> {
  if (!(thrown instanceof Error)) return JSON.stringify(String(thrown));
  const message = `${thrown.name}: ${thrown.message}`.replace(/\s*\n\s*/g, ' ');
  // Node says who imports what is missing, and esbuild where a TypeScript module is wrong
  if (/ imported from |:\d+:\d+/.test(message)) return message;
  const place = placeOf(thrown.stack ?? '') ?? (await syntaxPlace(thrown, url));
  return place === undefined ? message : `${message} (${place})`;
}

/** The head of a SyntaxError's stack (`file:///x/y.mjs:3`), or its first frame in a file of the user's. */
export function placeOf(stack: string): string | undefined {
  const lines = stack.split('\n');
  const head = /^(?:file:\/\/|\/|[A-Za-z]:\\).*:\d+$/.exec(lines[0] ?? '')?.[0];
  const frames = lines.map((line) => frame.exec(line)?.[1]);
  return [head, ...frames]
    .filter((place) => place !== undefined)
    .map(inPath)
    .find((place) => !own.some((folder) => place.startsWith(folder)));
}

const frame = /^ {4}at (?:.*\()?(?:async )?((?:file:\/\/|\/|[A-Za-z]:\\).*:\d+:\d+)\)?$/;

function inPath(place: string): string {
  const [, url = '', at = ''] = /^(file:.*?)((?::\d+)+)$/.exec(place) ?? [];
  return url ? `${fileURLToPath(url)}${at}` : place;
}

/**
 * Node keeps the place of an ES module's syntax error from whoever catches it, and prints it where nobody does: another
 * Node imports the module. It runs nothing of it: modules are all read before the first one runs.
 */
function syntaxPlace(error: Error, url: string): Promise<string | undefined> {
  if (error.name !== 'SyntaxError') return Promise.resolve(undefined);
  const hooks = new URL('bin/hooks.js', root).href;
  const data = { source: import.meta.url.endsWith('.ts'), directory: process.cwd() };
  const script = `import { register } from 'node:module';
register(${JSON.stringify(hooks)}, { data: ${JSON.stringify(data)} });
await import(${JSON.stringify(url)});`;
  return new Promise((resolve) => {
    const args = ['--input-type=module', '--eval', script];
    execFile(process.execPath, args, { timeout: patience }, (_failed, _stdout, stderr) => {
      resolve(placeOf(stderr.slice(stderr.search(/^(?:file:\/\/|\/|[A-Za-z]:\\).*:\d+$/m))));
    });
  });
}
