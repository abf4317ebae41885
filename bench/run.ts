// npm run bench: peers, node:http and us in one run; server CPU per request, medians and spread.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { parseArgs } from 'node:util';

import { measuredCode, peersThere } from './built.ts';
import { type Row, rowOf } from './figures.ts';
import { proveHonest } from './honest.ts';
import { type Load, loads } from './loads.ts';
import { type NodeBinary, nodeBinary } from './nodes.ts';
import { type Report, tableOf, writeReadme } from './report.ts';
import { floor, ours, servers } from './servers.ts';
import { measure, type Slice, start, stop, type Subject, Unknown, wrkIsThere } from './slice.ts';
import { shortfalls } from './targets.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    slice: { type: 'string', default: '0.3' },
    only: { type: 'string', multiple: true, default: [] },
    load: { type: 'string', multiple: true, default: [] },
    nodes: { type: 'string' },
    flag: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    markdown: { type: 'boolean', default: false },
    readme: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const slice = Number(values.slice);
/** Seconds of each load before it counts: V8 has compiled what it will. */
const warmUp = 1;
const leftOut = new Set<string>();

if (!wrkIsThere()) throw new Error('The bench needs wrk: apt-get install wrk');
if (!Object.keys(loads).some((name) => wanted(values.load, name)))
  throw new Error(`No load has this in its name: there are ${Object.keys(loads).join('; ')}`);
peersThere();
const code = measuredCode();
const nodes = (values.nodes?.split(',') ?? [null]).map(nodeBinary);
say(`Measured: ${code.said}, on Node ${nodes.map(({ version }) => version).join(', ')}`);
const rows: Row[] = [];
for (const node of nodes) rows.push(...(await run(node)));
report();

/** All servers run all the time; each round gives each of them one slice of each load, in turn. */
async function run(node: NodeBinary): Promise<Row[]> {
  const subjects: Subject[] = [];
  try {
    for (const [name, server] of Object.entries(servers)) {
      if (name !== floor && !wanted(values.only, name)) continue;
      const subject = await startOrLeaveOut(name, server, node);
      if (subject) subjects.push(subject);
    }
    const chosen = Object.entries(loads).filter(([name]) => wanted(values.load, name));
    for (const [name, load] of chosen) for (const subject of subjects) await proveHonest(subject, name, load);
    const all: Row[] = [];
    for (const [name, load] of chosen) {
      const taken = await slices(subjects, load, `Node ${node.version}, ${name}`);
      const raw = taken.get(floor) ?? [];
      for (const [server, some] of taken) all.push(rowOf(node.version, name, server, some, raw));
    }
    return all;
  } finally {
    progress('');
    await Promise.all(subjects.map(stop));
  }
}

/** Whose turn is first moves on with each round: none is always behind the same neighbour. */
async function slices(
  subjects: readonly Subject[],
  load: Load,
  title: string,
): Promise<Map<string, Slice[]>> {
  const taken = new Map<string, Slice[]>(subjects.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    progress(`${title}: round ${round + 1} of ${rounds}`);
    for (let turn = 0; turn < subjects.length; turn += 1) {
      const subject = subjects[(turn + round + 1) % subjects.length];
      if (!subject) continue;
      const one = await measure(subject, load, round < 0 ? Math.max(slice, warmUp) : slice);
      if (round >= 0) taken.get(subject.name)?.push(one);
    }
  }
  return taken;
}

async function startOrLeaveOut(
  name: string,
  server: (typeof servers)[string],
  node: NodeBinary,
): Promise<Subject | null> {
  try {
    return await start(name, server, { node: node.path, flags: values.flag });
  } catch (error) {
    if (!(error instanceof Unknown) || !server.optional) throw error;
    leftOut.add(`"${name}": this code does not know ${server.command.slice(2).join(', ')}`);
    say(`!!! "${name}" is LEFT OUT: this code does not know ${server.command.slice(2).join(', ')}`);
    return null;
  }
}

function report(): void {
  const [processor] = cpus();
  const result: Report = {
    date: new Date().toISOString(),
    processor: processor?.model ?? 'an unknown processor',
    processors: cpus().length,
    system: `${type()} ${release()}`,
    code: code.said,
    commit: code.commit,
    nodes: nodes.map(({ version }) => version),
    flags: values.flag,
    rounds,
    slice,
    connections: Math.max(...Object.values(loads).map(({ connections }) => connections)),
    peers: versions(),
    leftOut: [...leftOut],
    rows,
  };
  process.stdout.write(tableOf(result, values.markdown ? 'markdown' : 'text'));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
  if (values.readme) writeReadme(result);
  if (values.check) check();
}

function check(): void {
  if (!rows.some(({ server }) => server === ours))
    throw new Error(`"${ours}" was not measured: nothing to check`);
  const short = shortfalls(rows);
  const summary =
    short.length === 0 ? 'Every target that was measured is met.' : `Short of ${short.length} targets:`;
  process.stdout.write(`\n${[summary, ...short.map((line) => `  ${line}`)].join('\n')}\n`);
  if (short.length > 0) process.exitCode = 1;
}

function versions(): Record<string, string> {
  const names = ['fastify', 'hono', '@hono/node-server', 'srvx', 'express'];
  return Object.fromEntries(
    names.map((name) => {
      const text = readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8');
      // A package.json has a version: npm would not have installed it otherwise.
      return [name, (JSON.parse(text) as { version: string }).version];
    }),
  );
}

function wanted(parts: readonly string[], name: string): boolean {
  return parts.length === 0 || parts.some((part) => name.includes(part));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
