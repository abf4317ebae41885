// Breaks clauses in a copy of the source, one at a time, and looks whether the tests of that clause notice.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { type Mutation, mutations } from './mutations.ts';

const usage = `node --import tsx -C source scripts/mutants.ts [--pick 15] [--seed N] [--id W-58]

--pick  how many, at random; all of them by default
--seed  which ones: the same number, the same mutants; printed
--id    those of one clause

Exits with 1 where a mutant survives, or stands in no file any more.
`;

/** ms that the tests of one mutant may take: one that hangs them was noticed too. */
const patience = 180_000;
const root = fileURLToPath(new URL('../', import.meta.url));
/** What a copy does without. */
const left = new Set(['node_modules', '.git', 'dist', '.cache', 'coverage']);

type Verdict = 'red' | 'red (hung)' | 'SURVIVED' | 'STALE';

const { values } = parseArgs({
  options: {
    pick: { type: 'string' },
    seed: { type: 'string' },
    id: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  const mine = mutations.filter(({ id }) => values.id === undefined || id === values.id);
  const picked = shuffled(mine, seed).slice(0, Number(values.pick ?? mine.length));
  console.log(`${picked.length} of ${mutations.length} mutants, --seed ${seed}\n`);
  const copy = mkdtempSync(join(tmpdir(), 'mutants-'));
  try {
    cpSync(root, copy, { recursive: true, filter: (path) => !left.has(basename(path)) });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const ids = [...new Set(picked.map(({ id }) => id))];
    if ((await tested(copy, ids)) !== 'SURVIVED') {
      console.log(`The tests of ${ids.join(', ')} are red, or there are none, before anything is broken`);
      return 2;
    }
    console.log('| Clause | File | Broken | Tests |\n|---|---|---|---|');
    const verdicts: Verdict[] = [];
    for (const mutation of picked) {
      const verdict = await judged(copy, mutation);
      verdicts.push(verdict);
      console.log(`| ${mutation.id} | ${mutation.file} | ${shown(mutation)} | ${verdict} |`);
    }
    const bad = verdicts.filter((one) => !one.startsWith('red')).length;
    console.log(`\n${verdicts.length - bad} red, ${bad} not`);
    return bad > 0 ? 1 : 0;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function judged(copy: string, { id, file, find, put }: Mutation): Promise<Verdict> {
  const path = join(copy, file);
  const sound = readFileSync(path, 'utf8');
  if (sound.split(find).length !== 2) return 'STALE';
  try {
    writeFileSync(
      path,
      sound.replace(find, () => put),
    );
    return await tested(copy, [id]);
  } finally {
    writeFileSync(path, sound);
  }
}

/** What the tests of these clauses say: SURVIVED where all of them are green. */
async function tested(copy: string, ids: readonly string[]): Promise<Verdict> {
  const files = testsOf(copy, ids);
  const report = join(copy, 'mutants.json');
  rmSync(report, { force: true });
  const args = ['run', ...files, '-t', `\\[(${ids.join('|')})\\]`, '--bail', '1', '--retry', '0'];
  const hung = await vitest(copy, [...args, '--reporter', 'json', '--outputFile', report]);
  if (hung) return 'red (hung)';
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as Record<
    string,
    number
  >;
  if ((numFailedTests ?? 0) > 0) return 'red';
  // A module that cannot be loaded has no test that failed: such a mutant would prove nothing.
  return (numPassedTests ?? 0) > 0 ? 'SURVIVED' : 'STALE';
}

function vitest(cwd: string, args: readonly string[]): Promise<boolean> {
  const program = join(cwd, 'node_modules/vitest/vitest.mjs');
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { cwd, timeout: patience }, () => {
      resolve(child.killed);
    });
  });
}

function testsOf(copy: string, ids: readonly string[]): string[] {
  return readdirSync(join(copy, 'test'), { recursive: true })
    .map((file) => join('test', String(file)))
    .filter((file) => file.endsWith('.test.ts') && file !== join('test', 'house.test.ts'))
    .filter((file) => {
      const text = readFileSync(join(copy, file), 'utf8');
      return ids.some((id) => text.includes(`[${id}]`));
    });
}

/** By mulberry32: the same seed, the same order. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  let state = seed >>> 0;
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return list
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

function shown({ find, put }: Mutation): string {
  const brief = (text: string): string =>
    `\`${text.trim().replace(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 70)}\``;
  return `${brief(find)} → ${put.trim() === '' ? 'nothing' : brief(put)}`;
}
