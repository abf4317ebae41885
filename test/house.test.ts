// The rules of the house: who imports whom, how long a file is, how it begins, and what no file may do.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { mutations } from '../scripts/mutations.ts';
import { clauses as asyncClauses } from '../src/async/interface.ts';
import { clauses as syncClauses } from '../src/sync/interface.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const files = filesUnder('src').filter(
  (file) => /\.(ts|js)$/.test(file) && !file.startsWith('src/lab/page/'),
);

/** house.md 3.2: a room (the longest matching prefix) and the places that it may import from, itself apart. */
const mayImport: Record<string, readonly string[]> = {
  'src/core': [],
  'src/http': ['src/core'],
  'src/channels': ['src/core'],
  'src/sync': ['src/http', 'src/core'],
  'src/sync/kit': ['src/sync/interface.ts', 'src/core'],
  'src/async': ['src/http', 'src/core'],
  'src/async/kit': ['src/async/interface.ts', 'src/core'],
  'src/bridge': ['src/sync', 'src/async', 'src/core', 'src/bridge/node.ts'],
  'src/bridge/node.ts': ['src/bridge', 'src/sync', 'src/async', 'src/core', 'src/http/node.ts'],
  'src/migrate': ['src/bridge', 'src/core'],
  'src/serve': [
    'src/bridge',
    'src/sync',
    'src/async',
    'src/http/bind.ts',
    'src/http/certificates.ts',
    'src/http/peers.ts',
    'src/core',
  ],
  'src/process': ['src/serve', 'src/http/bind.ts', 'src/core'],
  'src/lab': ['src/serve', 'src/async', 'src/core'],
  'src/cli': ['src/serve', 'src/process', 'src/lab', 'src/migrate', 'src/core'],
  'src/index.ts': ['src/serve'],
};

/** Packages behind walls: the only files that may import them. */
const walled: Record<string, readonly string[]> = {
  ws: ['src/http/websocket.ts'],
  pino: ['src/core/log.ts'],
  'ipaddr.js': ['src/http/peers.ts'],
};

test('imports run downwards only, and packages stay behind their walls', () => {
  const strangers = files.flatMap((file) =>
    importsOf(file)
      .filter((from) => !allowed(file, from))
      .map((from) => `${file} imports ${from}`),
  );
  expect(strangers).toEqual([]);
});

test('there is no circle of imports', () => {
  const graph = new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter(isOurs)
        .map((from) => target(file, from)),
    ]),
  );
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) throw new Error([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
});

test('a file begins with a sentence that says what it is, and has at most 400 lines', () => {
  const faults = files.flatMap((file) => {
    const lines = textOf(file).split('\n');
    const first = lines[0] ?? '';
    return [
      ...(/^\/\/ \S.+[.?]$/.test(first) ? [] : [`${file} begins with ${JSON.stringify(first)}`]),
      ...(lines.length > 401 ? [`${file} has ${lines.length - 1} lines`] : []),
    ];
  });
  expect(faults).toEqual([]);
});

test('no file is a drawer, and names are kebab-case', () => {
  const drawers = files.filter((file) => /\/(utils?|helpers?|common|types|misc)\.ts$/.test(file));
  expect(drawers).toEqual([]);
  expect(files.filter((file) => !/^[a-z0-9/.-]+$/.test(file))).toEqual([]);
});

test('console, process.exit, any, enums and default exports stay out', () => {
  const exits = /^src\/(cli\/main\.ts|.*\/(thread|worker|subject)\.ts)$/;
  const faults = files.flatMap((file) => {
    const text = withoutComments(textOf(file));
    return [
      ...(/\bconsole\./.test(text) && file !== 'src/core/log.ts' ? [`${file} uses console`] : []),
      ...(/\bprocess\.exit\(/.test(text) && !exits.test(file) ? [`${file} calls process.exit`] : []),
      ...(/[:<]\s*any\b|\bas any\b/.test(text) ? [`${file} says any`] : []),
      ...(/^\s*(export )?(const )?enum /m.test(text) ? [`${file} has an enum`] : []),
      ...(/^export default /m.test(text) ? [`${file} has a default export`] : []),
    ];
  });
  expect(faults).toEqual([]);
});

test('only index files re-export', () => {
  const faults = files.filter(
    (file) => !file.endsWith('index.ts') && /^export (type )?(\*|\{[^}]*\}) from /m.test(textOf(file)),
  );
  expect(faults).toEqual([]);
});

test('package.json: each face is an index or a testing file that is there, in three conditions', () => {
  const { exports: faces } = JSON.parse(textOf('package.json')) as {
    exports: Record<string, Record<string, string> | string>;
  };
  const indexes = files.filter((file) => /\/(?:index|testing)\.ts$/.test(file));
  const sources = Object.values(faces).flatMap((face) => (typeof face === 'string' ? [] : [face]));
  for (const face of sources) {
    const source = (face['source'] ?? '').replace('./', '');
    const built = source.replace(/^src/, './dist').replace(/\.ts$/, '');
    expect(face).toEqual({ source: `./${source}`, types: `${built}.d.ts`, default: `${built}.js` });
    expect(existsSync(join(root, source)), source).toBe(true);
  }
  expect(sources.map((face) => (face['source'] ?? '').replace('./', '')).sort()).toEqual(indexes.sort());
});

test('package-lock.json has every optional package: npm ci refuses a lock that a partial registry has thinned out', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies),
  );
  expect(wanted.filter((name) => !(`node_modules/${name}` in packages))).toEqual([]);
});

test('every clause has a test that is named after it', () => {
  const titled = new Set(filesUnder('test').filter(isTest).flatMap(idsIn));
  const clauses = [...Object.keys(syncClauses), ...Object.keys(asyncClauses)];
  for (const id of clauses) expect(id).toMatch(/^[WVAB]-\d+$/);
  expect(clauses.filter((id) => !titled.has(id))).toEqual([]);
});

test('every test that is named after a clause names one that there is', () => {
  const clauses = new Set([...Object.keys(syncClauses), ...Object.keys(asyncClauses)]);
  const named = filesUnder('test').filter(isTest).flatMap(idsIn);
  expect([...new Set(named)].filter((id) => /^[WV]-/.test(id) && !clauses.has(id))).toEqual([]);
});

test('every clause of sync lint has its check in the source of lint()', () => {
  const lint = files
    .filter((file) => file.startsWith('src/sync/lint'))
    .map(textOf)
    .join('\n');
  const ids = Object.keys(syncClauses).filter((id) => id.startsWith('V-'));
  expect(ids.filter((id) => !lint.includes(`'${id}'`))).toEqual([]);
});

test('every mutant of scripts/mutations.ts stands once in its file, and breaks a clause that there is', () => {
  const stale = mutations.filter(({ file, find }) => textOf(file).split(find).length !== 2);
  expect(stale.map(({ id, file, find }) => `${id} ${file}: ${find}`)).toEqual([]);
  expect(mutations.filter(({ id }) => !(id in syncClauses))).toEqual([]);
});

test('nothing names a machine: no absolute home path and no registry host', () => {
  const tracked = [
    'package.json',
    'package-lock.json',
    'README.md',
    'CHANGELOG.md',
    ...files,
    ...filesUnder('test'),
    ...filesUnder('examples'),
    ...filesUnder('docs'),
    ...filesUnder('scripts'),
  ];
  const faults = tracked.filter(
    (file) =>
      !/\.(png|http)$/.test(file) &&
      file !== 'test/house.test.ts' &&
      /\/(root|home\/\w+|work)\/|registry\.npmjs|"resolved"/.test(textOf(file)),
  );
  expect(faults).toEqual([]);
});

function isTest(file: string): boolean {
  return file.endsWith('.test.ts');
}

/** The clauses that a title begins with: `[W-83][A-08] an app that throws …`. No comment, and nothing in the middle of a text. */
function idsIn(file: string): string[] {
  const heads = withoutComments(textOf(file)).matchAll(/(?<=['"`])(?:\[[WVAB]-\d+\] ?|\[-\] ?)+/g);
  return [...heads].flatMap(([head]) => [...head.matchAll(/[WVAB]-\d+/g)].map(([id]) => id));
}

function allowed(file: string, from: string): boolean {
  if (from.startsWith('node:')) return true;
  if (!isOurs(from)) return packageAllowed(file, from);
  const room = roomOf(file);
  const to = target(file, from);
  if (roomOf(to) === room) return true;
  return (
    (mayImport[room] ?? []).some((place) => to === place || to.startsWith(`${place}/`)) && !kitOf(room, to)
  );
}

/** A wing never imports its own kit; a room above may. */
function kitOf(room: string, to: string): boolean {
  return (room === 'src/sync' || room === 'src/async') && to.startsWith(`${room}/kit/`);
}

function packageAllowed(file: string, from: string): boolean {
  // The lab's subjects are apps as a user writes them: they know our public faces only.
  if (file.startsWith('src/lab/subjects/') && /^dualgate\/(sync|async)$/.test(from)) return true;
  const { dependencies = {} } = JSON.parse(textOf('package.json')) as {
    dependencies?: Record<string, string>;
  };
  const name = from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
  return name in dependencies && (walled[name] ?? [file]).includes(file);
}

function roomOf(file: string): string {
  const rooms = Object.keys(mayImport).filter((room) => file === room || file.startsWith(`${room}/`));
  const room = rooms.sort((a, b) => b.length - a.length)[0];
  if (!room) throw new Error(`${file} stands in no room`);
  return room;
}

function importsOf(file: string): string[] {
  const text = withoutComments(textOf(file));
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, from]) => from ?? '');
}

function isOurs(from: string): boolean {
  return from.startsWith('.');
}

function target(file: string, from: string): string {
  return normalize(join(dirname(file), from));
}

function withoutComments(text: string): string {
  return text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
}

function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function filesUnder(folder: string): string[] {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true })
    .map((file) => join(path, String(file)))
    .filter((file) => statSync(file).isFile())
    .map((file) => relative(root, file));
}
