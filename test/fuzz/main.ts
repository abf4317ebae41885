// npm run fuzz -- [--minutes 30] [--seed N] [--case N]: runs the fuzzer for long; exits with 1 where it found something.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

import { startThread } from '../../src/core/spawn.ts';
import type { Order, Word } from './messages.ts';
import { escaped } from './shrink.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, case: { type: 'string' } },
});
const minutes = number('minutes', values.minutes) ?? 10;
const seed = number('seed', values.seed) ?? randomInt(2 ** 31);
const only = number('case', values.case);

/** A case takes a millisecond. Making a found one smaller takes longer, but not that long. */
const patience = 120_000;

const watch = new SharedArrayBuffer(8 + 64 * 1024);
const position = new Int32Array(watch, 0, 2);
const order: Order = {
  seed,
  from: only ?? 0,
  cases: only === undefined ? Number.POSITIVE_INFINITY : 1,
  ms: minutes * 60_000,
  watch,
};

console.log(`Fuzzing for ${minutes} min: --seed ${seed}`);
const started = performance.now();
let cases = 0;
let feeds = 0;
let found = 0;
let points = '';
let moved = { index: -1, at: started };

const thread = await startThread(import.meta.url, './thread', { name: 'fuzz', data: order });
thread.on('message', hear);
thread.on('error', (error) => {
  console.error('The fuzzer itself failed', error);
  found += 1;
});
const timer = setInterval(look, process.stdout.isTTY ? 1000 : 60_000);
thread.once('exit', () => {
  clearInterval(timer);
  show();
  console.log(
    `\n${found === 0 ? 'Nothing was found' : `${found} found`}; stricter and other points: ${points}`,
  );
  process.exitCode = found === 0 ? 0 : 1;
});

function hear(word: Word): void {
  switch (word.kind) {
    case 'progress':
      ({ cases, feeds } = word);
      return;
    case 'found':
      found += 1;
      console.log(`\n${word.text}\n`);
      return;
    case 'done':
      ({ cases, feeds, points } = word);
      return;
  }
  word satisfies never;
}

function look(): void {
  show();
  const index = Atomics.load(position, 0);
  const now = performance.now();
  if (index !== moved.index) moved = { index, at: now };
  if (now - moved.at < patience) return;
  const bytes = new Uint8Array(watch, 8, Atomics.load(position, 1));
  console.log(`\nIt hangs  (--seed ${seed} --case ${index})\n  ${escaped(bytes)}`);
  found += 1;
  void thread.terminate();
}

function show(): void {
  const seconds = (performance.now() - started) / 1000;
  const rate = `${Math.round(cases / seconds)} cases/s, ${Math.round(feeds / seconds)} feeds/s`;
  const memory = `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`;
  const line = `${Math.round(seconds)} s: ${cases} cases, ${rate}, ${memory}, ${found} found`;
  process.stdout.write(process.stdout.isTTY ? `\r${line}  ` : `${line}\n`);
}

function number(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const parsed = Number(given);
  if (Number.isFinite(parsed) && parsed >= 0) return parsed;
  console.error(`Cannot read --${name} "${given}": give a number`);
  process.exit(2);
}
