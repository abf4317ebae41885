// A run of the fuzzer: cases of a seed for a time, what was found, and how often each point was met.
import { askAgain, type Case, caseOf, judgeCase } from './cases.ts';
import { escaped, shrink } from './shrink.ts';

export interface Found {
  readonly what: string;
  readonly seed: number;
  readonly index: number;
  /** Made as small as it goes, and escaped. */
  readonly bytes: string;
  readonly seen: readonly string[];
}

export interface Tally {
  cases: number;
  /** Times that a parser of ours was fed with a case, cut this way or that. */
  feeds: number;
  /** How many cases met each point of points.ts. */
  readonly points: Map<string, number>;
  readonly found: Found[];
}

export interface Run {
  readonly seed: number;
  readonly from?: number;
  /** Where it ends: that many cases, or `until` as performance.now() tells the time. */
  readonly cases?: number;
  readonly until?: number;
  /** Called before each case: whoever watches knows what hangs. */
  readonly before?: (each: Case, index: number) => void;
  readonly progress?: (tally: Tally) => void;
  readonly onFound?: (found: Found) => void;
}

/** ms to make one input smaller. */
const shrinking = 10_000;
/** One fault is enough for each `what`; more than this many are one fault that has no name yet. */
const mostFound = 20;

export async function campaign(run: Run): Promise<Tally> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // most cases end in an error, and its stack is a third of their time
  try {
    return await play(run);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function play(run: Run): Promise<Tally> {
  const tally: Tally = { cases: 0, feeds: 0, points: new Map(), found: [] };
  const { seed, from = 0, cases = Number.POSITIVE_INFINITY, until = Number.POSITIVE_INFINITY } = run;
  for (let index = from; index < from + cases && tally.found.length < mostFound; index += 1) {
    const each = caseOf(seed, index);
    run.before?.(each, index);
    const found = step(tally, each, seed, index);
    if (found) run.onFound?.(found);
    if (index % 32 > 0) continue;
    if (performance.now() > until) break;
    run.progress?.(tally);
    await new Promise((resolve) => setImmediate(resolve)); // node frees its parsers in a turn of the loop
  }
  return tally;
}

function step(tally: Tally, each: Case, seed: number, index: number): Found | null {
  tally.cases += 1;
  tally.feeds += each.splits.length + 3;
  const verdict = judgeCase(each);
  if (verdict.kind === 'same') return null;
  if (verdict.kind === 'point') {
    for (const name of new Set(verdict.names)) tally.points.set(name, (tally.points.get(name) ?? 0) + 1);
    return null;
  }
  const { what, seen } = verdict.fault;
  if (tally.found.some((known) => known.what === what)) return null;
  const found = { what, seed, index, ...smaller(each, what, seen) };
  tally.found.push(found);
  return found;
}

function smaller(each: Case, what: string, seen: readonly string[]): Pick<Found, 'bytes' | 'seen'> {
  const again = askAgain(each, what);
  if (!again) return { bytes: each.shared.map(escaped).join(' + '), seen };
  const small = shrink(each.bytes, shrinking, (tried) => again(tried) !== null);
  return { bytes: escaped(small), seen: again(small)?.seen ?? seen };
}

export function report({ what, seed, index, bytes, seen }: Found): string {
  return [`${what}  (--seed ${seed} --case ${index})`, `  ${bytes}`, ...seen.map((each) => `  ${each}`)].join(
    '\n',
  );
}

/** Points by how often they were met. */
export function reportPoints({ points }: Tally): string {
  const sorted = [...points].sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${name} ${count}`).join(', ');
}
