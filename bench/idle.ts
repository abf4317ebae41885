// npm run bench:idle: what an idle keep-alive connection costs in memory, beside raw node:http.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { readArgs } from './args.ts';
import { measuredCode } from './built.ts';
import { disperse, gather } from './crowd.ts';
import { median } from './figures.ts';
import { growth } from './heap.ts';
import { type NodeBinary, nodeBinary } from './nodes.ts';
import { floor, ours, type Server, servers } from './servers.ts';
import { standAside, start, stop, type Subject, Unknown } from './slice.ts';

const values = readArgs(
  {
    connections: { type: 'string', default: '10000' },
    runs: { type: 'string', default: '3' },
    nodes: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    objects: { type: 'boolean', default: false },
  },
  {
    usage: 'npm run bench:idle -- [--connections 10000] [--runs 3] [--nodes 20,24] [--only NAME] [--objects]',
    numbers: ['connections', 'runs'],
    partOf: { only: Object.keys(servers) },
  },
);
const connections = Number(values.connections);
/** How long connections are idle before they are measured, in ms. */
const rest = 1500;

/** In bytes; what the server's process says of itself. */
interface Gauge {
  /** Resident, before garbage was collected. */
  readonly before: number;
  /** Resident, after it. */
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

const chosen: Readonly<Record<string, Server>> = {
  [floor]: { command: ['node-http.js', '65000'] },
  ...Object.fromEntries(Object.entries(servers).filter(([name]) => name.startsWith(ours))),
};

enoughFiles(connections + 100);
standAside();
const code = measuredCode();
process.stdout.write(`${code.said}; ${connections} idle connections, median of ${values.runs} runs\n`);
for (const node of (values.nodes?.split(',') ?? [null]).map(nodeBinary)) await compare(node);

async function compare(node: NodeBinary): Promise<void> {
  process.stdout.write(`\nNode ${node.version}, KiB a connection\n`);
  process.stdout.write(line('server', 'rss', 'rss, gc', 'heap', 'external', 'of node:http'));
  let raw = Number.NaN;
  for (const [name, server] of Object.entries(chosen)) {
    if (name !== floor && values.only.length > 0 && !values.only.some((part) => name.includes(part)))
      continue;
    const costs = await measured(name, server, node);
    if (!costs) continue;
    const after = median(costs.map(({ rss }) => rss));
    if (name === floor) raw = after;
    process.stdout.write(
      line(
        name,
        ...(['before', 'rss', 'heapUsed', 'external'] as const).map((which) =>
          median(costs.map((cost) => cost[which] / 1024)).toFixed(2),
        ),
        (after / raw).toFixed(2),
      ),
    );
    if (name === ours && after > raw) process.exitCode = 1;
  }
}

async function measured(name: string, server: Server, node: NodeBinary): Promise<Gauge[] | null> {
  const costs: Gauge[] = [];
  try {
    for (let run = 0; run < Number(values.runs); run += 1) costs.push(await cost(name, server, node));
    if (values.objects) await objects(name, server, node);
    return costs;
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    process.stderr.write(`!!! "${name}" is LEFT OUT: this code does not know it\n`);
    return null;
  }
}

/** Of one connection, in a process of its own that is warmed up. */
async function cost(name: string, server: Server, node: NodeBinary): Promise<Gauge> {
  return withServer(name, server, node, async (subject) => {
    const before = await gauge(subject);
    const crowd = await gather(subject.port, connections);
    await setTimeout(rest);
    const after = await gauge(subject);
    await disperse(crowd);
    const each = (which: keyof Gauge): number => (after[which] - before[which]) / connections;
    return {
      // both from where garbage was collected
      before: (after.before - before.rss) / connections,
      rss: each('rss'),
      heapUsed: each('heapUsed'),
      external: each('external'),
    };
  });
}

async function objects(name: string, server: Server, node: NodeBinary): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dualgate-idle-'));
  const some = Math.min(2000, connections);
  try {
    await withServer(name, server, node, async (subject) => {
      await gauge(subject, join(folder, 'before.heapsnapshot'));
      const crowd = await gather(subject.port, some);
      await setTimeout(rest);
      await gauge(subject, join(folder, 'after.heapsnapshot'));
      await disperse(crowd);
    });
    const grown = growth(join(folder, 'before.heapsnapshot'), join(folder, 'after.heapsnapshot'));
    process.stdout.write(`  ${name}: objects and bytes a connection, by constructor\n`);
    for (const { name: kind, count, bytes } of grown.slice(0, 30))
      process.stdout.write(
        `    ${(count / some).toFixed(2).padStart(8)}${(bytes / some).toFixed(0).padStart(8)}  ${kind}\n`,
      );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function withServer<T>(
  name: string,
  server: Server,
  node: NodeBinary,
  work: (subject: Subject) => Promise<T>,
): Promise<T> {
  const flags = ['--expose-gc', '--import', new URL('servers/gauge.js', import.meta.url).href];
  const subject = await start(name, server, { node: node.path, flags, channel: true });
  try {
    await disperse(await gather(subject.port, 500)); // warms up
    await setTimeout(200);
    return await work(subject);
  } finally {
    await stop(subject);
  }
}

async function gauge({ child }: Subject, snapshot?: string): Promise<Gauge> {
  const said = once(child, 'message');
  child.send({ snapshot });
  const [answer] = await said;
  return answer as Gauge; // gauge.js sends this
}

/** Node takes all files that it may; where that is not enough, only whoever starts it can give more. */
function enoughFiles(needed: number): void {
  const hard = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  if (hard === 'unlimited' || Number(hard) >= needed) return;
  throw new Error(
    `${needed} open files are needed, ${hard} are allowed: raise it (ulimit -Hn, limits.conf) or say --connections`,
  );
}

function line(name: string, ...cells: string[]): string {
  return `  ${name.padEnd(28)}${cells.map((cell) => cell.padStart(13)).join('')}\n`;
}
