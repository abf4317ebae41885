// The cases of a run: case N of a seed is always the same bytes, cut in the same ways.
import { invalid, valid } from '../wire/corpus.ts';
import { mutated } from './mutations.ts';
import { acquainted, fuzzed, Misbehaviour, parseOurs } from './ours.ts';
import { digest, type Outcome } from './outcome.ts';
import { requests, sized } from './requests.ts';
import { Seeded, seedOf } from './seeded.ts';
import { type Fault, judge, judgeSplit, type Verdict } from './verdict.ts';

/** The corpus, but for what is there because of its size. */
const corpus = [...valid, ...invalid]
  .map(({ bytes }) => bytes.toString('latin1'))
  .filter((text) => text.length <= 1000);
const sentinel = 'GET /last HTTP/1.1\r\nHost: last\r\n\r\n';

export interface Case {
  readonly bytes: Buffer;
  /** How it is cut besides. */
  readonly splits: ReadonlyArray<readonly Uint8Array[]>;
  /** How it is cut for node too. */
  readonly shared: readonly Uint8Array[];
}

export function caseOf(run: number, index: number): Case {
  const random = new Seeded(seedOf(run, index));
  const bytes = Buffer.from(textOf(random), 'latin1');
  // Every case at some points, every eighth at every point: with more cases that finds more in the same time.
  const splits = short(bytes) && random.once(8) ? everySplit(bytes) : someSplits(random, bytes);
  return { bytes, splits, shared: cut(bytes, random.cuts(bytes.length, 1 + random.below(6))) };
}

function textOf(random: Seeded): string {
  if (random.once(100)) return mutatedNow(random, sized(random, fuzzed)) + sentinel;
  switch (random.below(8)) {
    case 0:
      return requests(random, 0);
    case 1:
      return requests(random, 8);
    case 2:
    case 3:
      return requests(random, 30);
    case 4:
      return mutated(random, requests(random, 0), requests(random, 10));
    case 5:
      return mutated(random, requests(random, 40), random.pick(corpus));
    default:
      return mutated(random, random.pick(corpus), random.pick(corpus)) + (random.once(4) ? '' : sentinel);
  }
}

function mutatedNow(random: Seeded, text: string): string {
  return random.once(8) ? mutated(random, text, random.pick(corpus)) : text;
}

/** Everything that is held of a case. */
export function judgeCase({ bytes, splits, shared }: Case): Verdict {
  try {
    const verdict = judge([bytes]);
    if (verdict.kind === 'fault') return verdict;
    const fault = splitFault(bytes, splits);
    if (fault) return { kind: 'fault', fault };
    const cutAlike = judge(shared);
    return cutAlike.kind === 'fault' ? cutAlike : verdict;
  } catch (error) {
    if (!(error instanceof Misbehaviour)) throw error;
    return {
      kind: 'fault',
      fault: { what: error.message.replace(/\d+/g, 'N'), seen: [String(error.cause ?? '')] },
    };
  }
}

function splitFault(bytes: Buffer, splits: Case['splits']): Fault | null {
  const whole = parseOurs([bytes], fuzzed);
  const wanted = digest(whole);
  for (const pieces of splits) {
    const fault = judgeSplit(pieces, whole, wanted);
    if (fault) return fault;
  }
  return memoryFault(bytes, whole, wanted);
}

/** Does a parser that remembers this head, or one that differs in an octet, make the same of it as a new one? */
function memoryFault(bytes: Buffer, whole: Outcome, wanted: string): Fault | null {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1') + 4;
  if (end < 4) return null;
  const random = new Seeded(bytes.length);
  for (const changed of [false, true, true]) {
    const head = Buffer.from(bytes.subarray(0, end));
    if (changed) head[random.below(end)] = head[random.below(end)] ?? 0;
    const parser = acquainted(head, fuzzed);
    if (!parser) continue;
    const outcome = parseOurs([bytes], fuzzed, parser);
    if (digest(outcome) === wanted) continue;
    return {
      what: `it depends on the head before: ${whole.ending} ${whole.status} becomes ${outcome.ending} ${outcome.status}`,
      seen: [`behind ${JSON.stringify(head.toString('latin1'))}`],
    };
  }
  return null;
}

/** Asks again, of other bytes, what showed this fault of a case: to make it smaller. Null where it shows no more. */
export function askAgain({ bytes, shared }: Case, what: string): ((tried: Buffer) => Fault | null) | null {
  const random = new Seeded(shared.length);
  const questions: ReadonlyArray<(tried: Buffer) => Verdict> = [
    (tried) => judgeCase({ bytes: tried, splits: [], shared: [tried] }),
    (tried) =>
      judgeCase({
        bytes: tried,
        splits: [...(short(tried) ? everySplit(tried) : []), ...someSplits(random, tried)],
        shared: [tried],
      }),
    (tried) => (short(tried) ? everyShared(tried) : judgeCase({ bytes: tried, splits: [], shared })),
  ];
  for (const question of questions) {
    const again = (tried: Buffer): Fault | null => {
      const verdict = question(tried);
      return verdict.kind === 'fault' && verdict.fault.what === what ? verdict.fault : null;
    };
    if (again(bytes)) return again;
  }
  return null;
}

/** Every point of a long one would take seconds. */
function short(bytes: Buffer): boolean {
  return bytes.length < 1500;
}

/** The same pieces for both, at every point. */
export function everyShared(bytes: Buffer): Verdict {
  let verdict: Verdict = { kind: 'same' };
  for (const shared of everySplit(bytes)) {
    verdict = judgeCase({ bytes, splits: [], shared });
    if (verdict.kind === 'fault') return verdict;
  }
  return verdict;
}

/** Byte by byte, and in two pieces at every point. */
export function everySplit(bytes: Buffer): Uint8Array[][] {
  const splits: Uint8Array[][] = [byteByByte(bytes)];
  for (let at = 1; at < bytes.length; at += 1) splits.push([bytes.subarray(0, at), bytes.subarray(at)]);
  return splits;
}

function someSplits(random: Seeded, bytes: Buffer): Uint8Array[][] {
  const splits: Uint8Array[][] = [byteByByte(bytes)];
  for (let left = 6; left > 0; left -= 1) splits.push(cut(bytes, random.cuts(bytes.length, 2)));
  for (let left = 6; left > 0; left -= 1)
    splits.push(cut(bytes, random.cuts(bytes.length, 3 + random.below(9))));
  return splits;
}

function cut(bytes: Buffer, cuts: readonly number[]): Uint8Array[] {
  return [0, ...cuts].map((start, at) => bytes.subarray(start, cuts[at] ?? bytes.length));
}

function byteByByte(bytes: Buffer): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}
