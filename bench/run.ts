// npm run bench: peers, node:http and us in one run; server CPU per request, medians and spread.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';

import { readArgs } from './args.ts';
import { measuredCode, peersThere } from './built.ts';
import { type Row, rowOf } from './figures.ts';
import { proveHonest } from './honest.ts';
import { type Load, loads } from './loads.ts';
import { type NodeBinary, nodeBinary } from './nodes.ts';
import { type Report, tableOf, writeReadme } from './report.ts';
import { floor, type Server, servers, type Wing } from './servers.ts';
import { measure, type Slice, start, stop, type Subject, Unknown, wrkIsThere } from './slice.ts';
import { verdict } from './targets.ts';

const values = readArgs(
  {
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
    wing: { type: 'string' },
  },
  {
    usage:
      'npm run bench -- [--wing sync|async] [--only NAME] [--load NAME] [--nodes 20,24,26] [--rounds 12] [--slice 0.3] [--check] [--json FILE] [--markdown] [--readme] [--flag=--FLAG]',
    numbers: ['rounds', 'slice'],
    partOf: { only: Object.keys(servers), load: Object.keys(loads) },
    oneOf: { wing: ['sync', 'async'] },
  },
);
const rounds = Number(values.rounds);
const slice = Number(values.slice);
/** Seconds of each load before it counts: V8 has compiled what it will. */
const warmUp = 1;
const leftOut = new Set<string>();

if (!wrkIsThere()) throw new Error('The bench needs wrk: apt-get install wrk');
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
    const chosen = Object.entries(loads).filter(([name]) => wanted(values.load, name));
    for (const [name, server] of Object.entries(servers)) {
      if (name !== floor && (!wanted(values.only, name) || !inWing(server))) continue;
      if (!chosen.some(([load]) => takesPart(server, load))) continue;
      const subject = await startOrLeaveOut(name, server, node);
      if (subject) subjects.push(subject);
    }
    for (const [name, load] of chosen)
      for (const subject of subjects)
        if (takesPart(subject.server, name)) await proveHonest(subject, name, load);
    const all: Row[] = [];
    for (const [name, load] of chosen) {
      const some = subjects.filter(({ server }) => takesPart(server, name));
      const taken = await slices(some, load, `Node ${node.version}, ${name}`);
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
  const seconds = Math.max(slice, load.seconds ?? 0);
  const count = Math.min(rounds, Math.max(3, Math.ceil((rounds * slice) / seconds)));
  for (let round = -1; round < count; round += 1) {
    progress(`${title}: round ${round + 1} of ${count}`);
    for (let turn = 0; turn < subjects.length; turn += 1) {
      const subject = subjects[(turn + round + 1) % subjects.length];
      if (!subject) continue;
      const one = await measure(subject, load, round < 0 ? Math.max(seconds, warmUp) : seconds);
      if (round >= 0) taken.get(subject.name)?.push(one);
    }
  }
  return taken;
}

async function startOrLeaveOut(name: string, server: Server, node: NodeBinary): Promise<Subject | null> {
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
  const { count, short } = verdict(rows);
  if (count === 0) throw new Error('Nothing that was measured has a target: nothing to check');
  const summary =
    short.length === 0
      ? `Every one of ${count} targets that were measured is met.`
      : `Short of ${short.length} of ${count} targets:`;
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

/** Blocking loads are for those that ask for them; some servers take part in nothing else. */
function takesPart({ loads: some }: Server, name: string): boolean {
  return some ? some.includes(name) : !loads[name]?.blocks;
}

function inWing({ wing }: Server): boolean {
  const asked: Wing | undefined = values.wing === 'sync' || values.wing === 'async' ? values.wing : undefined;
  return asked === undefined || wing === undefined || wing === asked;
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
