// Our parser held against node's, and against itself with the same bytes in other pieces.
import { parseNodes } from './nodes.ts';
import { fuzzed, parseOurs, startsOf } from './ours.ts';
import { difference, digest, headDifference, type Message, type Outcome } from './outcome.ts';
import { closes, keeps, laxer, type Point, stricter } from './points.ts';

/** What is wrong; the same for all inputs that show the same fault. */
export interface Fault {
  readonly what: string;
  /** What each of them made of it, for the reader of a report. */
  readonly seen: readonly string[];
}

export type Verdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'point'; readonly names: readonly string[] }
  | { readonly kind: 'fault'; readonly fault: Fault };

const same: Verdict = { kind: 'same' };

/** Do ours and node's make the same of these pieces, but for the points that have a name? */
export function judge(pieces: readonly Uint8Array[]): Verdict {
  const names: string[] = [];
  let fed = pieces;
  for (let round = 0; round < 16; round += 1) {
    const ours = parseOurs(fed, fuzzed);
    if (asksForUpgrade(ours)) {
      names.push('upgrade');
      fed = [withoutUpgrade(Buffer.concat(fed))];
      continue;
    }
    const theirs = parseNodes(fed);
    const verdict = compare(Buffer.concat(fed), ours, theirs);
    if (verdict.kind === 'same') break;
    if (verdict.kind === 'fault') return verdict;
    names.push(...verdict.names);
    if (!verdict.names.includes('extension-method')) break;
    fed = [withoutExtension(Buffer.concat(fed), theirs.messages.length)];
  }
  return names.length > 0 ? { kind: 'point', names } : same;
}

/**
 * Node finds no fault any more in what follows a request for an upgrade, and drops what came in the same packet: it
 * sees the same request with the field under another name.
 */
function withoutUpgrade(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/upgrade(?=[ \t]*:)/gi, 'X-grade'), 'latin1');
}

function asksForUpgrade({ messages, open }: Outcome): boolean {
  const asks = ({ headers }: Message): boolean => headers.some(([name]) => name === 'upgrade');
  return messages.some(asks) || (open !== null && asks(open));
}

/** A method that node does not know hides what node would say of the rest: here it is one that node knows. */
function withoutExtension(bytes: Buffer, at: number): Buffer {
  const start = startsOf(bytes, fuzzed)[at] ?? 0;
  const lead = bytes[start] === 13 ? 2 : 0;
  return Buffer.concat([
    bytes.subarray(0, start + lead),
    Buffer.from('POST'),
    bytes.subarray(bytes.indexOf(32, start)),
  ]);
}

/** Does ours make the same of the same bytes, however they are cut? `whole` is what it made of them uncut. */
export function judgeSplit(pieces: readonly Uint8Array[], whole: Outcome, wanted: string): Fault | null {
  const outcome = parseOurs(pieces, fuzzed);
  if (digest(outcome) === wanted || sameButLater(pieces, outcome, whole)) return null;
  const cut = pieces.map(({ length }) => length).join('+');
  return {
    what: `it depends on the split: ${whole.ending} ${whole.status} becomes ${outcome.ending} ${outcome.status}`,
    seen: [`whole: ${told(whole)}`, `as ${cut}: ${told(outcome)}`],
  };
}

/**
 * What comes in pieces is read once its end is there: what is wrong with it shows then and not before. Where a head, or
 * a line of trailers, is broken and too long as well, either may be seen first.
 */
function sameButLater(pieces: readonly Uint8Array[], outcome: Outcome, whole: Outcome): boolean {
  if (whole.ending !== 'refused') return false;
  const inHead = whole.open === null && outcome.open === null;
  const end = inHead && outcome.ending === 'more' ? [Buffer.from('\r\n\r\n\r\n')] : [];
  const ended = end.length > 0 ? parseOurs([...pieces, ...end], fuzzed) : outcome;
  if (digest({ ...ended, status: 0 }) !== digest({ ...whole, status: 0 })) return false;
  const brokenOrTooLong = inHead ? [400, 414, 431] : [400, 431];
  return (
    ended.status === whole.status ||
    (brokenOrTooLong.includes(ended.status) && brokenOrTooLong.includes(whole.status))
  );
}

export function compare(bytes: Buffer, ours: Outcome, theirs: Outcome): Verdict {
  const both = Math.min(ours.messages.length, theirs.messages.length);
  for (let at = 0; at < both; at += 1) {
    const [mine, its] = [ours.messages[at], theirs.messages[at]];
    if (!mine || !its) break;
    const differs = difference(mine, its);
    if (differs !== null) return differing(bytes, differs, mine, its, { ours, theirs, at });
  }
  const more = ours.messages[both];
  if (more) return ahead(bytes, more, { ours, theirs, at: both });
  const missed = theirs.messages[both];
  if (missed) return behind(bytes, missed, { ours, theirs, at: both });
  return compareOpen(bytes, { ours, theirs, at: both });
}

interface Pair {
  readonly ours: Outcome;
  readonly theirs: Outcome;
  /** The message that they differ in. */
  readonly at: number;
}

function differing(bytes: Buffer, key: keyof Message, mine: Message, its: Message, pair: Pair): Verdict {
  if (key === 'keepAlive' && difference({ ...mine, keepAlive: its.keepAlive }, its) === null) {
    if (mine.keepAlive) return named(keeps, 'it keeps where node closes', bytes, its, pair);
    return named(closes, 'it closes where node keeps', bytes, its, pair);
  }
  return fault(`${key} differs`, pair);
}

/** Ours has ended a message that node has not. */
function ahead(bytes: Buffer, message: Message, pair: Pair): Verdict {
  const { ending, why } = pair.theirs;
  if (ending === 'refused')
    return named(laxer, `it accepts what node refuses with ${why}`, bytes, message, pair);
  return fault(`it ends a message where node says "${ending}"`, pair);
}

/** Node has ended a message that ours has not. */
function behind(bytes: Buffer, message: Message, pair: Pair): Verdict {
  const { ending, why } = pair.ours;
  if (ending === 'refused')
    return named(stricter, `it refuses what node accepts: ${plain(why)}`, bytes, message, pair);
  return fault(`it says "${ending}" where node ends a message`, pair);
}

/** Both have ended the same messages: what of the one that is not complete? */
function compareOpen(bytes: Buffer, pair: Pair): Verdict {
  const { ours, theirs } = pair;
  const mine = ours.open;
  const its = theirs.open;
  if (mine && !its) {
    if (theirs.ending === 'refused')
      return named(laxer, `it accepts a head that node refuses with ${theirs.why}`, bytes, mine, pair);
    return fault(`it ends a head where node says "${theirs.ending}"`, pair);
  }
  if (its && !mine) {
    if (ours.ending !== 'refused') return fault(`it says "${ours.ending}" where node ends a head`, pair);
    if (theirs.ending === 'refused') return same;
    return named(stricter, `it refuses a head that node accepts: ${plain(ours.why)}`, bytes, its, pair);
  }
  if (mine && its) return compareBodies(bytes, mine, its, pair);
  if (ours.ending === 'closed' || theirs.ending === 'closed') return same;
  if (ours.ending === 'refused' && theirs.ending === 'more')
    return named(
      stricter,
      `it refuses where node waits: ${plain(ours.why)}`,
      bytes,
      begun(bytes, pair.at),
      pair,
    );
  return same;
}

function compareBodies(bytes: Buffer, mine: Message, its: Message, pair: Pair): Verdict {
  const differs = headDifference(mine, its);
  if (differs === 'keepAlive')
    return differing(bytes, differs, { ...mine, body: '' }, { ...its, body: '' }, pair);
  if (differs !== null) return fault(`${differs} of an open message differs`, pair);
  const [ours, theirs] = [pair.ours.ending, pair.theirs.ending];
  if (ours === 'more' && theirs === 'more')
    return mine.body === its.body ? same : fault('an open body differs', pair);
  if (ours === 'more')
    return its.body.startsWith(mine.body)
      ? same
      : named(laxer, `it takes a body that node refuses with ${pair.theirs.why}`, bytes, mine, pair);
  if (theirs === 'refused') return same;
  return named(stricter, `it refuses a body where node waits: ${plain(pair.ours.why)}`, bytes, its, pair);
}

/** What can be said of a message whose head nobody has ended. */
function begun(bytes: Buffer, at: number): Message {
  const raw = bytes.toString('latin1', startsOf(bytes, fuzzed)[at] ?? 0);
  const [, method = '', target = '/'] = /^(?:\r\n)?([^ \r\n]*) ([^ \r\n]*)/.exec(raw) ?? [];
  const none = { headers: [], body: '', trailers: [] };
  return { method, target, version: '1.1', keepAlive: true, expectsContinue: false, ...none };
}

function named(points: readonly Point[], what: string, bytes: Buffer, message: Message, pair: Pair): Verdict {
  const start = startsOf(bytes, fuzzed)[pair.at] ?? 0;
  const raw = bytes.toString('latin1', start);
  const { status, why } = points === laxer ? pair.theirs : pair.ours;
  const names = points.filter((point) => point.holds({ message, raw, status, why })).map(({ name }) => name);
  return names.length > 0 ? { kind: 'point', names } : fault(what, pair);
}

function fault(what: string, { ours, theirs }: Pair): Verdict {
  return { kind: 'fault', fault: { what, seen: [`ours: ${told(ours)}`, `node: ${told(theirs)}`] } };
}

/** A refusal without what it quotes: one fault is one fault, whatever the value was. */
function plain(why: string): string {
  return why.replace(/".*"/s, '"…"').replace(/\d+/g, 'N');
}

function told({ messages, open, ending, status, why }: Outcome): string {
  return JSON.stringify({ messages, ...(open && { open }), ending, ...(status > 0 && { status, why }) });
}
