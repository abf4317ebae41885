// npm run bench:stuck: one of four threads is stuck; what the others' clients feel, who is told, and when it is replaced.
import { Agent, get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

import { readArgs } from './args.ts';
import { measuredCode } from './built.ts';
import { median, quantile } from './figures.ts';
import { nodeBinary } from './nodes.ts';
import { start, stop, type Subject, Unknown } from './slice.ts';

const shapes = {
  loop: 'a JavaScript loop',
  wait: 'Atomics.wait',
  regex: 'a bad regular expression',
} as const;
type Shape = keyof typeof shapes;

const values = readArgs(
  {
    shape: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string', default: '5' },
    timeout: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '16' },
    node: { type: 'string' },
  },
  {
    usage:
      'npm run bench:stuck -- [--shape loop|wait|regex] [--runs 5] [--timeout 2000] [--connections 16] [--node 24]',
    numbers: ['runs', 'timeout', 'connections'],
    oneOf: { shape: Object.keys(shapes) },
  },
);
const threads = 4;
/** --timeout of the server, in ms. */
const timeout = Number(values.timeout);
const connections = Number(values.connections);
/** How long the others' clients may wait at the 99th percentile, in ms. */
const target = 100;
/** A request that nobody has ended after so long beyond the deadline is lost, in ms. */
const patience = 10_000;
/** How long each thread is held while one is replaced, in ms: below the deadline; a replacement that takes longer is not told from it. */
const hold = Math.round(0.75 * timeout);
/** How long before the deadline that begins, in ms. */
const ahead = 100;

interface Answer {
  /** 0 where the connection broke. */
  readonly status: number;
  readonly text: string;
  /** ms since the epoch. */
  readonly at: number;
}

interface Crowd {
  /** ms of each request that was answered. */
  readonly waits: number[];
  /** What was no 200, as `504` or `broken`, and how often. */
  readonly lost: Map<string, number>;
}

interface Outcome {
  readonly quiet: Crowd;
  readonly crowd: Crowd;
  readonly stuck: Answer;
  /** From the deadline on, in ms: when the stuck client was told, and when another thread took its place. */
  readonly told: number[];
  readonly replaced: number[];
}

const code = measuredCode();
const node = nodeBinary(values.node ?? null);
say(
  `${code.said}, Node ${node.version}; ${threads} threads, ${connections} connections, --timeout ${timeout} ms, ${values.runs} runs\n`,
);
say(
  line(
    'stuck in',
    'p99 quiet',
    'p99',
    'most',
    'requests',
    'lost',
    'its answer',
    'told after',
    'replaced after',
  ),
);
let fell = false;
for (const shape of Object.keys(shapes) as Shape[]) {
  if (values.shape.length > 0 && !values.shape.includes(shape)) continue;
  const outcome = await strike(shape);
  const faults = faultsOf(outcome);
  say(lineOf(shape, outcome));
  for (const fault of faults) say(`    ${fault}`);
  fell ||= faults.length > 0;
}
say(
  `\np99, most: the other clients', in ms, while one thread is stuck and until it is replaced; the target is ${target} ms.\ntold, replaced after: ms from the deadline to the stuck client's answer, and until a fourth thread serves again; medians (and the most).`,
);
process.exitCode = fell ? 1 : 0;

async function strike(shape: Shape): Promise<Outcome> {
  const command = [
    'dualgate.js',
    'stuck-app.js#app',
    `threads=${threads}`,
    `timeout=${timeout}`,
    'logLevel=silent',
  ];
  const subject = await startOrSayWhy(command);
  try {
    await crowdUntil(subject, wait(1000)); // warms up
    const quiet = await crowdUntil(subject, wait(3000));
    const stuckUntilReplaced = async (): Promise<Answer> => {
      const answer = await ask(subject, `/${shape}`, timeout + patience);
      await wait(1000); // somebody takes its place meanwhile
      return answer;
    };
    const striking = stuckUntilReplaced();
    const crowd = await crowdUntil(subject, striking);
    const told: number[] = [];
    const replaced: number[] = [];
    for (let run = 0; run < Number(values.runs); run += 1) {
      const times = await replacement(subject, shape);
      told.push(times.told);
      replaced.push(times.replaced);
    }
    return { quiet, crowd, stuck: await striking, told, replaced };
  } finally {
    await stop(subject);
  }
}

/** All other threads are held beyond the deadline: what waits for one is served by whoever takes the stuck one's place. */
async function replacement(subject: Subject, shape: Shape): Promise<{ told: number; replaced: number }> {
  const begun = Date.now();
  const stuck = ask(subject, `/${shape}`, timeout + patience);
  await wait(Math.max(0, timeout - ahead));
  const held = Array.from({ length: threads }, () => ask(subject, `/hold?${hold}`, timeout + patience));
  const entered = (await Promise.all(held)).map(({ text }) => Number(text));
  const deadline = begun + timeout;
  return { told: (await stuck).at - deadline, replaced: Math.max(...entered) - deadline };
}

/** Clients that each ask again as soon as they are answered, until `end` settles. */
async function crowdUntil({ port }: Pick<Subject, 'port'>, end: Promise<unknown>): Promise<Crowd> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const waits: number[] = [];
  const lost = new Map<string, number>();
  let over = false;
  const client = async (): Promise<void> => {
    while (!over) {
      const from = performance.now();
      const { status } = await ask({ port }, '/', patience, agent);
      if (status === 200) waits.push(performance.now() - from);
      else lost.set(String(status || 'broken'), (lost.get(String(status || 'broken')) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: connections }, client);
  await end;
  over = true;
  await Promise.all(clients);
  agent.destroy();
  return { waits, lost };
}

function ask({ port }: Pick<Subject, 'port'>, path: string, ms: number, agent?: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const broken = (): void => resolve({ status: 0, text: '', at: Date.now() });
    const options = { port, host: '127.0.0.1', path, agent: agent ?? false, timeout: ms };
    const request = get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text, at: Date.now() }));
      response.once('error', broken);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', broken);
  });
}

async function startOrSayWhy(command: readonly string[]): Promise<Subject> {
  try {
    return await start('dualgate sync', { command, unpinned: true }, { node: node.path });
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    say(`This code has no --timeout: there is nothing that ends a stuck thread`);
    process.exit(1);
  }
}

function faultsOf({ crowd, stuck, replaced }: Outcome): string[] {
  const lost = [...crowd.lost].map(([what, count]) => `${count} other requests were lost (${what})`);
  return [
    ...lost,
    ...(quantile(crowd.waits, 0.99) < target ? [] : [`the others' p99 is not below ${target} ms`]),
    ...(stuck.status === 504 ? [] : [`the stuck client's answer was ${stuck.status || 'none'}, not 504`]),
    ...(!replaced.every((ms) => ms < hold - ahead - 50)
      ? ['a thread was not replaced before the others were free']
      : []),
  ];
}

function lineOf(shape: Shape, { quiet, crowd, stuck, told, replaced }: Outcome): string {
  const lost = [...crowd.lost.values()].reduce((sum, one) => sum + one, 0);
  return line(
    shapes[shape],
    quantile(quiet.waits, 0.99).toFixed(1),
    quantile(crowd.waits, 0.99).toFixed(1),
    Math.max(...crowd.waits).toFixed(1),
    String(crowd.waits.length),
    String(lost),
    String(stuck.status || 'none'),
    median(told).toFixed(0),
    `${median(replaced).toFixed(0)} (${Math.max(...replaced).toFixed(0)})`,
  );
}

function line(title: string, ...cells: string[]): string {
  return `${title.padEnd(26)}${cells.map((cell) => cell.padStart(15)).join('')}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
