// What the engine has promised: its share of raw node:http's CPU time by load, and to be ahead of every peer.
import type { Row } from './figures.ts';
import { floor, ours, servers } from './servers.ts';

interface Target {
  readonly load: string;
  /** Largest ratio on Node 20 and 22. */
  readonly older: number;
  /** On Node 24 and later, whose node:http is faster. */
  readonly newer: number;
}

const targets: readonly Target[] = [
  { load: 'hello', older: 0.7, newer: 0.85 },
  { load: 'hello, 12 headers', older: 0.65, newer: 0.8 },
  { load: 'echo 16 KiB', older: 0.8, newer: 1 },
  { load: 'stream 64 x 1 KiB', older: 0.75, newer: 1 },
  { load: 'pipelined x16', older: 0.2, newer: 0.2 },
];

/** One line for each target that was measured and missed. */
export function shortfalls(rows: readonly Row[]): string[] {
  return rows
    .filter(({ server }) => server === ours)
    .flatMap((row) => [...aboveTarget(row), ...behind(row, rows)]);
}

function aboveTarget({ node, load, ratio, q25 }: Row): string[] {
  const target = targets.find((one) => one.load === load);
  if (!target) return [];
  const most = Number(/\d+/.exec(node)?.[0]) < 24 ? target.older : target.newer;
  if (ratio <= most) return [];
  return [
    `Node ${node}, ${load}: ${ratio.toFixed(2)} of ${floor} (q25 ${q25.toFixed(2)}), the target is ${most}`,
  ];
}

/** Peers that took no more CPU per request than ours, by the median over the rounds that both had. */
function behind(row: Row, rows: readonly Row[]): string[] {
  return rows
    .filter(({ node, load, server }) => node === row.node && load === row.load && servers[server]?.peer)
    .filter((peer) => peer.ratio <= row.ratio)
    .map(
      ({ server, ratio }) =>
        `Node ${row.node}, ${row.load}: ${server} takes ${ratio.toFixed(2)} of ${floor}, ours ${row.ratio.toFixed(2)}`,
    );
}
