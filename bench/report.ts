// The result of a run as tables: for a terminal, as Markdown, and the few rows that README.md shows.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { middle, rateOf, type Row } from './figures.ts';
import { loads } from './loads.ts';
import { floor, manyThreads, servers, twoThreads } from './servers.ts';

/** Where both are below it, somebody else had their processors. */
const held = 0.8;

/** A client at this share of its core may be what is measured. */
export const busy = 0.9;

export interface Report {
  /** ISO 8601. */
  readonly date: string;
  readonly processor: string;
  readonly processors: number;
  readonly system: string;
  readonly code: string;
  readonly commit: string | null;
  readonly nodes: readonly string[];
  /** What each Node was told beside. */
  readonly flags: readonly string[];
  readonly rounds: number;
  /** Of one slice, in seconds. */
  readonly slice: number;
  readonly connections: number;
  /** Versions of the peers. */
  readonly peers: Readonly<Record<string, string>>;
  readonly leftOut: readonly string[];
  readonly rows: readonly Row[];
}

const titles = [
  'server',
  'CPU µs',
  'of node:http',
  'least to most',
  'q25',
  'req/s',
  'p50 ms',
  'p99 ms',
  'server',
  'client',
  'errors',
];

export function tableOf(report: Report, form: 'text' | 'markdown'): string {
  const markdown = form === 'markdown';
  const lines = [headline(report)];
  for (const [node, load] of groups(report)) {
    lines.push('', `${markdown ? '### ' : ''}${load} (Node ${node})`, ...(markdown ? [''] : []));
    const cells = rowsOf(report, node, load).map(cellsOf);
    lines.push(...(markdown ? pipes([titles, ...cells]) : [titles, ...cells].map(columns)));
  }
  lines.push('', ...notes(report));
  return `${lines.join('\n')}\n`;
}

/** Writes the table between README.md's markers. Throws where they are not there. */
export function writeReadme(report: Report): void {
  const path = fileURLToPath(new URL('../README.md', import.meta.url));
  const text = readFileSync(path, 'utf8');
  const [begin, end] = ['<!-- bench -->', '<!-- /bench -->'];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`README.md has no "${begin}" before a "${end}"`);
  writeFileSync(path, `${text.slice(0, from + begin.length)}\n${shortTable(report)}\n${text.slice(to)}`);
}

/** One row a server, one column a load; a table for each version of Node. */
function shortTable(report: Report): string {
  const lines: string[] = [];
  for (const node of report.nodes) {
    // no server of node:http's has a row where the app blocks
    const rows = report.rows.filter((row) => row.node === node && Number.isFinite(row.ratio));
    const names = [...new Set(rows.map((row) => row.load))];
    const table = [...new Set(rows.map((row) => row.server))].map((server) => [
      server,
      ...names.map(
        (load) => rows.find((row) => row.server === server && row.load === load)?.ratio.toFixed(2) ?? '',
      ),
    ]);
    lines.push('', ...pipes([[`Node ${node}`, ...names], ...table]));
  }
  const { date, processor, rounds, commit } = report;
  const place = `${processor}, ${report.system}, one core for the server`;
  return `${lines.join('\n').trim()}

Server CPU per request as a share of raw \`node:http\`'s in the same run: below 1 is cheaper. Median of ${rounds} rounds; ${date.slice(0, 10)}, ${place}${commit ? `, commit ${commit}` : ''}. \`npm run bench\`; how it measures: [bench](bench/README.md).`;
}

function headline({
  date,
  nodes,
  connections,
  rounds,
  slice,
  processor,
  processors,
  system,
  code,
}: Report): string {
  return [
    `${date}, ${processor} (${processors} processors), ${system}, Node ${nodes.join(', ')}`,
    `${code}; ${connections} connections, ${rounds} rounds of ${slice} s, the server on one core, wrk on another`,
  ].join('\n');
}

function groups({ nodes, rows }: Report): [node: string, load: string][] {
  return nodes.flatMap((node) =>
    [...new Set(rows.filter((row) => row.node === node).map((row) => row.load))].map(
      (load): [string, string] => [node, load],
    ),
  );
}

function rowsOf({ rows }: Report, node: string, load: string): Row[] {
  return rows.filter((row) => row.node === node && row.load === load);
}

function cellsOf(row: Row): string[] {
  const client = middle(row, (one) => one.client);
  return [
    row.server,
    middle(row, (one) => one.cpu).toFixed(1),
    share(row.ratio),
    row.ratios.length > 0 ? `${share(Math.min(...row.ratios))}–${share(Math.max(...row.ratios))}` : '–',
    share(row.q25),
    rateOf(row).toFixed(0),
    latency(middle(row, (one) => one.p50)),
    latency(middle(row, (one) => one.p99)),
    middle(row, (one) => one.server).toFixed(2),
    `${client.toFixed(2)}${client > busy ? ' !' : ''}`,
    String(row.slices.reduce((sum, one) => sum + one.errors, 0)),
  ];
}

/** Where node:http does not take part there is nothing to compare with. */
function share(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '–';
}

/** wrk counts a pipeline when all of it is answered: in a short slice that may be never. */
function latency(ms: number): string {
  return ms > 0 ? ms.toFixed(2) : '–';
}

function notes(report: Report): string[] {
  const saturated = report.rows.filter((row) => middle(row, (one) => one.client) > busy);
  const client =
    saturated.length === 0
      ? `The client was not the bottleneck: in no row did wrk take more than ${busy} of its core (1.00 would mean that it had nothing left).`
      : `! In ${saturated.length} rows wrk took more than ${busy} of its core: their requests a second and latencies may be the client's. Their CPU per request is the server's own; a server that is not kept busy rather spends more on each.`;
  const disturbed = report.rows.filter(
    (row) =>
      !loads[row.load]?.blocks &&
      loads[row.load]?.connections !== 1 &&
      middle(row, (one) => Math.max(one.server, one.client)) < held,
  );
  const errors = report.rows.filter((row) => row.slices.some((one) => one.errors > 0));
  return [
    'CPU µs: all threads of the server, user and kernel, per request. of node:http: median of the ratios of each round; q25: ratio of the lower quartiles.',
    `server, client: the share that each took of its core. ${client}`,
    `Peers: ${Object.entries(report.peers)
      .map((pair) => pair.join(' '))
      .join(', ')}.`,
    ...besidePython(report),
    ...(disturbed.length > 0
      ? [
          `! In ${disturbed.length} of ${report.rows.length} rows neither server nor client had ${held} of its core: the machine was not quiet.`,
        ]
      : []),
    ...errors.map((row) => `! ${row.server} had errors under "${row.load}" on Node ${row.node}.`),
    ...(report.flags.length > 0 ? [`! Every Node had ${report.flags.join(' ')}.`] : []),
    ...report.leftOut.map((why) => `! Left out: ${why}`),
  ];
}

/** What ours take of the CPU of each server of Python's that has as many threads, under the same load. */
function besidePython({ rows }: Report): string[] {
  return rows
    .filter(({ server }) => server === twoThreads || server === manyThreads)
    .flatMap((own) => {
      const theirs = rows.filter(
        ({ node, load, server }) =>
          node === own.node && load === own.load && servers[server]?.beside === own.server,
      );
      const said = theirs.map((row) => {
        const cpu = middle(own, (one) => one.cpu) / middle(row, (one) => one.cpu);
        return `${cpu.toFixed(2)} of ${row.server}`;
      });
      if (said.length === 0) return [];
      return [`${own.server}, ${own.load} (Node ${own.node}): its CPU is ${said.join(', ')}.`];
    });
}

function columns(cells: readonly string[]): string {
  const width = Math.max(...Object.keys(servers).map((name) => name.length), floor.length);
  const [name = '', ...rest] = cells;
  return `  ${name.padEnd(width)}${rest.map((cell) => cell.padStart(15)).join('')}`;
}

function pipes([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    `|---|${head
      .slice(1)
      .map(() => '---:|')
      .join('')}`,
    ...rows.map(line),
  ];
}
