// Our parser against node's own, and against itself in other pieces: the corpus, a known seed, and a new one.
import { randomInt } from 'node:crypto';

import { expect, test } from 'vitest';

import { defaultLimits } from '../../src/http/limits.ts';
import { invalid, valid } from '../wire/corpus.ts';
import { campaign, report } from './campaign.ts';
import { everyShared } from './cases.ts';
import { parseNodes } from './nodes.ts';
import { fuzzed, parseOurs } from './ours.ts';
import type { Message, Outcome } from './outcome.ts';
import { closes, keeps, laxer, stricter } from './points.ts';
import { compare, judge } from './verdict.ts';

const own = randomInt(2 ** 31);

/** Node is asked at every point of these too. What is there for its size has other limits, or takes too long. */
const corpus = [...valid, ...invalid].filter(
  ({ bytes, limits }) => bytes.length <= 600 && JSON.stringify(limits) === JSON.stringify(defaultLimits),
);

test('the corpus is the same for node, in two pieces at every point and byte by byte', async () => {
  const faults: string[] = [];
  for (const { name, bytes } of corpus) {
    const verdict = everyShared(bytes);
    if (verdict.kind === 'fault')
      faults.push(`${name}: ${verdict.fault.what}\n${verdict.fault.seen.join('\n')}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(faults).toEqual([]);
  expect(corpus.length).toBeGreaterThan(300);
});

test.each([
  ['a known seed', 3],
  ['a new seed', own],
])('%s: --seed %i', async (_, seed) => {
  const tally = await campaign({ seed, cases: 20_000, until: performance.now() + 3000 });
  expect(tally.found.map(report).join('\n\n')).toBe('');
  expect(tally.cases).toBeGreaterThan(100);
  console.info(`fuzz: seed ${seed}, ${tally.cases} cases, ${tally.feeds} feeds`);
});

test('each point has a name of its own, and a reason', () => {
  for (const points of [laxer, stricter, closes, keeps]) {
    const names = points.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { why } of points) expect(why.length).toBeGreaterThan(10);
  }
});

/** What a parser gets wrong, on purpose: a fuzzer that does not see it is none. */
const bytes = Buffer.from(
  'POST /a HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: u\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n',
);
const planted: ReadonlyArray<
  readonly [title: string, change: Partial<Message> | ((whole: Outcome) => Outcome)]
> = [
  ['another method', { method: 'GET' }],
  ['another target', { target: '/' }],
  ['another version', { version: '1.0' }],
  ['another value', { headers: fields(['x', '3']) }],
  ['a field less', { headers: fields() }],
  ['another order', { headers: [...fields(['x', '1'], ['x', '2'])].reverse() }],
  ['another body', { body: 'hell' }],
  ['no trailers', { trailers: [] }],
  ['an expectation', { expectsContinue: true }],
  ['the end of the connection', { keepAlive: false }],
  ['a message less', (whole) => ({ ...whole, messages: whole.messages.slice(0, 1) })],
  ['a message more', (whole) => ({ ...whole, messages: [...whole.messages, ...whole.messages] })],
  [
    'a refusal',
    (whole) => ({ ...whole, messages: [], ending: 'refused', status: 400, why: 'Cannot read it' }),
  ],
];

test.each(planted)('a parser that sees %s is caught', (_, change) => {
  const ours = parseOurs([bytes], fuzzed);
  const theirs = parseNodes([bytes]);
  expect(compare(bytes, ours, theirs)).toEqual({ kind: 'same' });
  const [first, ...others] = ours.messages;
  if (!first) throw new Error('The request was not read');
  const wrong =
    typeof change === 'function' ? change(ours) : { ...ours, messages: [{ ...first, ...change }, ...others] };
  expect(compare(bytes, wrong, theirs).kind).toBe('fault');
});

test('what node refuses and ours would accept is caught', () => {
  const broken = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n');
  const good = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n');
  expect(compare(broken, parseOurs([good], fuzzed), parseNodes([broken])).kind).toBe('fault');
});

test('a method that node does not know is put aside, and what follows is still held against it', () => {
  const head = 'BREW / HTTP/1.1\r\nHost: a\r\n';
  expect(judge([Buffer.from(`${head}\r\n`)])).toEqual({ kind: 'point', names: ['extension-method'] });
  expect(judge([Buffer.from(`${head}Host: b\r\n\r\n`)]).kind).toBe('same');
});

function fields(...some: Array<readonly [string, string]>): Message['headers'] {
  return [['host', 'a'], ...some, ['transfer-encoding', 'chunked']];
}
