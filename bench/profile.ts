// npm run bench:profile: where the CPU time of one server goes, by function, under each load.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readArgs } from './args.ts';
import { measuredCode } from './built.ts';
import { loads } from './loads.ts';
import { nodeBinary } from './nodes.ts';
import { servers } from './servers.ts';
import { measure, start } from './slice.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const values = readArgs(
  {
    server: { type: 'string', default: 'dualgate async' },
    load: { type: 'string', multiple: true, default: ['hello', 'hello, 12 headers', 'stream 64 x 1 KiB'] },
    seconds: { type: 'string', default: '4' },
    top: { type: 'string', default: '30' },
    node: { type: 'string' },
  },
  {
    usage: 'npm run bench:profile -- [--server NAME] [--load NAME] [--seconds 4] [--top 30] [--node 24]',
    numbers: ['seconds', 'top'],
    oneOf: { server: Object.keys(servers), load: Object.keys(loads) },
  },
);

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const node = nodeBinary(values.node ?? null);
const code = measuredCode();
process.stdout.write(`${values.server}, Node ${node.version}, code: ${code.said}\n`);
for (const name of values.load) await profile(name);

async function profile(name: string): Promise<void> {
  const load = loads[name];
  const server = servers[values.server];
  if (!load || !server)
    throw new Error(`There is no ${load ? 'server' : 'load'} "${load ? values.server : name}"`);
  const folder = mkdtempSync(join(tmpdir(), 'dualgate-profile-'));
  try {
    const quit = new URL('servers/quit.js', import.meta.url).href;
    const flags = ['--import', quit, '--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', folder];
    const subject = await start(values.server, server, { node: node.path, flags });
    const slice = await measure(subject, load, Number(values.seconds));
    const gone = once(subject.child, 'exit');
    subject.child.kill('SIGTERM');
    await gone;
    const [file] = readdirSync(folder);
    if (!file) throw new Error('The server wrote no profile');
    // A file that V8 has written: its shape is Profile.
    const text = readFileSync(join(folder, file), 'utf8');
    print(name, JSON.parse(text) as Profile, slice.requests);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(name: string, { nodes, samples, timeDeltas }: Profile, requests: number): void {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const self = new Map<string, number>();
  samples.forEach((id, index) => {
    const frame = frames.get(id) ?? '?';
    self.set(frame, (self.get(frame) ?? 0) + (timeDeltas[index] ?? 0));
  });
  self.delete('(idle)');
  const total = [...self.values()].reduce((sum, one) => sum + one, 0);
  const sorted = [...self].sort(([, a], [, b]) => b - a).slice(0, Number(values.top));
  const lines = sorted.map(
    ([frame, time]) =>
      `  ${((100 * time) / total).toFixed(1).padStart(5)} %  ${(time / requests).toFixed(2).padStart(6)} µs  ${frame}`,
  );
  process.stdout.write(
    `\n${name}: ${requests} requests, ${(total / requests).toFixed(1)} µs each (self time; the profiler adds to it)\n${lines.join('\n')}\n`,
  );
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const file = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  const name = functionName || '(anonymous)';
  return file === '' ? name : `${name}  ${file}:${lineNumber + 1}`;
}
