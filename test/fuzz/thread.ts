// The fuzzer on a thread of its own, so that whoever watches it can tell when a parser hangs.
import { parentPort } from 'node:worker_threads';

import { threadData } from '../../src/core/spawn.ts';
import { campaign, report, reportPoints } from './campaign.ts';
import type { Order, Word } from './messages.ts';

// given by main.ts
const { seed, from, cases, ms, watch } = threadData() as Order;
const position = new Int32Array(watch, 0, 2);
const bytes = new Uint8Array(watch, 8);
const say = (word: Word): void => parentPort?.postMessage(word);

const tally = await campaign({
  seed,
  from,
  cases,
  until: performance.now() + ms,
  before: (each, index) => {
    bytes.set(each.bytes.subarray(0, bytes.length));
    Atomics.store(position, 1, Math.min(each.bytes.length, bytes.length));
    Atomics.store(position, 0, index);
  },
  progress: ({ cases, feeds }) => say({ kind: 'progress', cases, feeds }),
  onFound: (found) => say({ kind: 'found', text: report(found) }),
});
say({
  kind: 'done',
  cases: tally.cases,
  feeds: tally.feeds,
  points: reportPoints(tally),
  found: tally.found.length,
});
