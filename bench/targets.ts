// What has been promised: a share of raw node:http's CPU time by server and load, and for async to be ahead of every peer.
import { rateOf, type Row } from './figures.ts';
import { floor, inline, manyThreads, oneThread, ours, servers, twoBlocking, twoThreads } from './servers.ts';

interface Target {
  readonly servers: readonly string[];
  readonly load: string;
  /** The largest ratio from each major version of Node on; null where none was promised. */
  readonly most?: ReadonlyArray<readonly [major: number, ratio: number | null]>;
  /** The least requests a second. */
  readonly rate?: number;
}

interface Verdict {
  /** How many targets were measured. */
  readonly count: number;
  /** One line for each that was missed. */
  readonly short: readonly string[];
}

const few = [oneThread, twoThreads];

const targets: readonly Target[] = [
  { servers: [ours], load: 'hello', most: older(0.7, 0.85) },
  { servers: [ours], load: 'hello, 12 headers', most: older(0.65, 0.8) },
  { servers: [ours], load: 'echo 16 KiB', most: older(0.8, 1) },
  { servers: [ours], load: 'stream 64 x 1 KiB', most: older(0.75, 1) },
  { servers: [ours], load: 'pipelined x16', most: older(0.2, 0.2) },
  { servers: few, load: 'hello', most: twenty(0.85, 0.95) },
  { servers: few, load: 'hello, 12 headers', most: twenty(0.75, 0.95) },
  { servers: few, load: 'echo 16 KiB', most: twenty(1.15, 1.3) },
  { servers: few, load: 'stream 64 x 1 KiB', most: twenty(0.5, 0.8) },
  { servers: [manyThreads], load: 'hello', most: twenty(1.1, 1.15) },
  { servers: [twoThreads, twoBlocking], load: 'hello, one connection', most: twenty(1.6, 1.8) },
  { servers: [inline], load: 'hello', most: twenty(0.65, 0.85) },
  { servers: [manyThreads], load: 'blocking 20 ms', rate: 770 },
];

export function verdict(rows: readonly Row[]): Verdict {
  const lines = rows.flatMap((row) => [
    ...targets
      .filter(({ servers: some, load }) => load === row.load && some.includes(row.server))
      .flatMap((target) => shortOf(row, target)),
    ...(row.server === ours ? behind(row, rows) : []),
  ]);
  return { count: lines.length, short: lines.filter((line) => line !== null) };
}

/** node:http is faster from Node 24 on. */
function older(before: number, from24: number): NonNullable<Target['most']> {
  return [
    [0, before],
    [24, from24],
  ];
}

function twenty(before: number, from26: number): NonNullable<Target['most']> {
  return [
    [0, before],
    [24, null],
    [26, from26],
  ];
}

/** Null for each target that is met. */
function shortOf(row: Row, { most = [], rate }: Target): Array<string | null> {
  const { node, load, server, ratio, q25 } = row;
  const major = Number(/\d+/.exec(node)?.[0]);
  const bound = most.findLast(([from]) => from <= major)?.[1] ?? null;
  const title = `Node ${node}, ${server}, ${load}`;
  const short: Array<string | null> = [];
  if (bound !== null) {
    const said = `${title}: ${ratio.toFixed(2)} of ${floor} (q25 ${q25.toFixed(2)}), the target is ${bound}`;
    short.push(ratio <= bound ? null : said);
  }
  if (rate !== undefined) {
    const said = `${title}: ${rateOf(row).toFixed(0)} requests/s, the target is ${rate}`;
    short.push(rateOf(row) >= rate ? null : said);
  }
  return short;
}

/** Peers that took no more CPU per request than ours, by the median over the rounds that both had. */
function behind(row: Row, rows: readonly Row[]): Array<string | null> {
  return rows
    .filter(({ node, load, server }) => node === row.node && load === row.load && servers[server]?.peer)
    .map(({ server, ratio }) =>
      ratio > row.ratio
        ? null
        : `Node ${row.node}, ${row.load}: ${server} takes ${ratio.toFixed(2)} of ${floor}, ours ${row.ratio.toFixed(2)}`,
    );
}
