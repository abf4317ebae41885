// npm run bench: rivals, node:http and us in one run; server CPU per request, medians and spread.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

import { type Load, measure, type Slice, start, stop, type Subject, wrkIsThere } from './slice.ts';

const browser = [
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Cookie: session=2f6c1a9be04d4c0d8c1f; theme=dark; seen=1',
  'Referer: http://127.0.0.1/somewhere/else?with=query',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: same-origin',
  'Cache-Control: max-age=0',
  'Upgrade-Insecure-Requests: 1',
];
const get: Load = { path: '/', script: null, headers: [], connections: 64 };
const loads: Record<string, Load> = {
  hello: get,
  'hello, 12 headers': { ...get, headers: browser },
  'echo 16 KiB': { ...get, script: 'echo.lua' },
  'stream 64 x 1 KiB': { ...get, path: '/stream' },
  'pipelined x16': { ...get, script: 'pipeline.lua' },
};

const servers: Record<string, readonly string[]> = {
  'node:http': ['node-http.js'],
  'dualgate async': ['dualgate.js', 'async-app.js#app'],
  'dualgate sync inline': ['dualgate.js', 'sync-app.js#app', 'threads=0'],
  'dualgate sync, 2 threads': ['dualgate.js', 'sync-app.js#app', 'threads=2'],
  fastify: ['fastify.js'],
  hono: ['hono.js'],
  srvx: ['srvx.js'],
  express: ['express.js'],
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    slice: { type: 'string', default: '0.3' },
    only: { type: 'string', multiple: true, default: [] },
    load: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', default: process.execPath },
    json: { type: 'string' },
  },
});

interface Row {
  readonly load: string;
  readonly server: string;
  readonly slices: readonly Slice[];
  readonly ratios: readonly number[];
}

if (!wrkIsThere()) throw new Error('The bench needs wrk: apt-get install wrk');
const rows = await run();
print(rows);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ node: version(), rows }, null, 2)}\n`);

/** All servers run all the time; each round gives each of them one slice of each load, in turn. */
async function run(): Promise<Row[]> {
  const chosen = Object.entries(servers).filter(
    ([name]) => name === 'node:http' || wanted(values.only, name),
  );
  const [serverPin, clientPin] = availableParallelism() > 1 ? ['0', '1'] : [null, null];
  const subjects: Subject[] = [];
  try {
    for (const [name, command] of chosen) subjects.push(await start(name, command, values.node, serverPin));
    const all: Row[] = [];
    for (const [load, shape] of Object.entries(loads).filter(([name]) => wanted(values.load, name))) {
      const taken = new Map<string, Slice[]>(subjects.map(({ name }) => [name, []]));
      for (let round = -1; round < Number(values.rounds); round += 1) {
        progress(`${load}: round ${round + 1} of ${values.rounds}`);
        for (const subject of subjects) {
          const slice = await measure(subject, shape, Number(values.slice), clientPin);
          if (round >= 0) taken.get(subject.name)?.push(slice); // the first round warms up
        }
      }
      const raw = taken.get('node:http') ?? [];
      for (const [server, slices] of taken) {
        all.push({
          load,
          server,
          slices,
          ratios: slices.map(({ cpu }, round) => cpu / (raw[round]?.cpu ?? Number.NaN)),
        });
      }
    }
    return all;
  } finally {
    progress('');
    await Promise.all(subjects.map(stop));
  }
}

function print(all: readonly Row[]): void {
  const lines = [
    `Node ${version()}, 64 connections, ${values.rounds} rounds of ${values.slice} s, server on one core, wrk on another`,
  ];
  for (const load of new Set(all.map((row) => row.load))) {
    lines.push(
      '',
      load,
      line(
        'server',
        'CPU µs',
        'of node:http',
        'least to most',
        'req/s',
        'p50 ms',
        'p99 ms',
        'client',
        'errors',
      ),
    );
    for (const row of all.filter((one) => one.load === load)) {
      const of = (pick: (slice: Slice) => number): number => median(row.slices.map(pick));
      const spread = `${Math.min(...row.ratios).toFixed(2)}–${Math.max(...row.ratios).toFixed(2)}`;
      const errors = row.slices.reduce((sum, slice) => sum + slice.errors, 0);
      lines.push(
        line(
          row.server,
          of((one) => one.cpu).toFixed(1),
          median(row.ratios).toFixed(2),
          spread,
          of((one) => one.requests / one.seconds).toFixed(0),
          of((one) => one.p50).toFixed(2),
          of((one) => one.p99).toFixed(2),
          of((one) => one.client).toFixed(2),
          String(errors),
        ),
      );
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function line(name: string, ...cells: string[]): string {
  return `  ${name.padEnd(26)}${cells.map((cell) => cell.padStart(14)).join('')}`;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function wanted(parts: readonly string[], name: string): boolean {
  return parts.length === 0 || parts.some((part) => name.includes(part));
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function version(): string {
  return execFileSync(values.node, ['-p', 'process.version'], { encoding: 'utf8' }).trim();
}
