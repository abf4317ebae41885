// npm run bench:slowloris: slow clients in four shapes; when each was closed, and what another client felt of it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { readArgs } from './args.ts';
import { measuredCode } from './built.ts';
import { quantile } from './figures.ts';
import { nodeBinary } from './nodes.ts';
import { standAside, start, stop, type Subject } from './slice.ts';
import { type Seen, stand } from './slowloris/bystander.ts';
import type { Begun, Order, Shape } from './slowloris/messages.ts';
import { roomForAnswers, socketsOf } from './slowloris/sockets.ts';

const shapes: readonly Shape[] = ['silent', 'head trickle', 'body trickle', 'slow reader'];
const values = readArgs(
  {
    attackers: { type: 'string', default: '500' },
    timeout: { type: 'string', default: '2000' },
    shape: { type: 'string', multiple: true, default: [] },
    node: { type: 'string' },
  },
  {
    usage: 'npm run bench:slowloris -- [--attackers 500] [--timeout 2000] [--shape NAME] [--node 24]',
    numbers: ['attackers', 'timeout'],
    oneOf: { shape: shapes },
  },
);
const attackers = Number(values.attackers);
/** Every limit of the servers, in ms. */
const timeout = Number(values.timeout);
/** Deadlines are looked at twice a second; the rest is for a busy machine, in ms. */
const slack = 1000;
/** They connect over so many ms: what is measured is what they hold, not how many connect at once. */
const ramp = timeout;
/** How long an attacker is watched beyond its deadline, in ms. */
const watched = ramp + timeout + 6000;

interface Outcome {
  readonly server: string;
  readonly count: number;
  readonly shape: Shape;
  /** ms from each attacker's begin to its end; those that were never closed are not in it. */
  readonly closed: readonly number[];
  readonly orphans: number;
  readonly quiet: Seen;
  readonly attacked: Seen;
}

standAside();
const code = measuredCode();
const node = nodeBinary(values.node ?? null);
process.stdout.write(
  `${code.said}, Node ${node.version}; ${attackers} attackers, every limit ${timeout} ms, a byte each 100 ms\n\n`,
);
process.stdout.write(
  line(
    'server',
    'attack',
    'closed',
    'least ms',
    'median',
    'most',
    'p99 quiet',
    'attacked',
    'at most',
    'orphans',
  ),
);
let fell = false;
for (const server of ['dualgate async', 'node:http']) {
  for (const shape of shapes.filter((one) => values.shape.length === 0 || values.shape.includes(one))) {
    const outcome = await attack(server, shape);
    const faults = faultsOf(outcome);
    process.stdout.write(lineOf(outcome));
    for (const fault of faults) process.stdout.write(`    ${fault}\n`);
    if (server !== 'node:http' && faults.length > 0) fell = true;
  }
}
process.stdout.write(
  `\nclosed: how many the server closed, and how long after their begin; the deadline is ${timeout} ms, looked at each 500 ms.
p99: another client, a request each 5 ms, in ms. orphans: answers that the kernel holds for nobody, once all were closed.
Slow readers are fewer where the kernel could not hold so many answers (tcp_mem): then all TCP of the machine would suffer.
node:http has headersTimeout, requestTimeout and server.timeout, all at ${timeout} ms here; it is there for the reader.\n`,
);
if (fell) process.exitCode = 1;

/** A server of its own for each attack: nothing is left of the one before. */
async function attack(server: string, shape: Shape): Promise<Outcome> {
  const kind = server === 'node:http' ? server : 'async';
  const count = shape === 'slow reader' ? Math.min(attackers, roomForAnswers()) : attackers;
  const subject = await start(server, { command: ['slow.js', kind, String(timeout)] }, { node: node.path });
  const child = fork(fileURLToPath(new URL('slowloris/attackers.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  });
  try {
    await stand(subject.port, setTimeout(1500)); // warms up
    const quiet = await stand(subject.port, setTimeout(3000));
    const watching = watch(subject, child, { shape, count });
    const attacked = await stand(subject.port, watching);
    const closed = await watching;
    return { server, count, shape, closed, orphans: socketsOf(subject.port).orphans, quiet, attacked };
  } finally {
    child.kill('SIGKILL');
    await stop(subject);
  }
}

/** Starts the attack and looks, each 50 ms, who of the attackers is still connected. */
async function watch(
  { port }: Subject,
  child: ChildProcess,
  { shape, count }: Pick<Outcome, 'shape' | 'count'>,
): Promise<number[]> {
  const begun = once(child, 'message');
  const ends = new Map<number, number>();
  const seen = new Set<number>();
  const before = socketsOf(port).open;
  child.send({ port, shape, count, ramp } satisfies Order);
  let since: Begun['since'] | null = null;
  void begun.then(([message]) => {
    since = (message as Begun).since; // the channel carries what messages.ts says
  });
  const until = Date.now() + watched;
  do {
    const { open } = socketsOf(port);
    const now = Date.now();
    for (const each of open) if (!before.has(each)) seen.add(each);
    for (const each of seen) if (!open.has(each) && !ends.has(each)) ends.set(each, now);
    await setTimeout(50);
  } while (Date.now() < until && (since === null || !all(since, ends)));
  const starts: Begun['since'] = since ?? [];
  return starts.flatMap(([each, at]) => {
    const end = ends.get(each);
    return end === undefined ? [] : [end - at];
  });
}

function all(since: Begun['since'], ends: ReadonlyMap<number, number>): boolean {
  return since.every(([port]) => ends.has(port));
}

function faultsOf({ count, closed, quiet, attacked }: Outcome): string[] {
  const late = Math.max(0, ...closed) > timeout + slack;
  const early = Math.min(...closed) < timeout - 100;
  return [
    ...(closed.length < count ? [`${count - closed.length} were not closed`] : []),
    ...(late ? [`closed more than ${slack} ms after the deadline`] : []),
    ...(early ? ['closed before the deadline'] : []),
    ...(attacked.errors > 0 ? [`the other client had ${attacked.errors} errors`] : []),
    ...(attacked.p99 > most(quiet) ? ['the other client waited too long'] : []),
  ];
}

/** What another client may wait under attack, at the 99th percentile. */
function most({ p99 }: Seen): number {
  return 3 * p99 + 20;
}

function lineOf({ server, shape, count, closed, orphans, quiet, attacked }: Outcome): string {
  const times = [0, 0.5, 1].map((share) => (closed.length > 0 ? quantile(closed, share).toFixed(0) : '-'));
  const waits = [quiet.p99, attacked.p99, most(quiet)].map((ms) => ms.toFixed(1));
  return line(server, shape, `${closed.length}/${count}`, ...times, ...waits, String(orphans));
}

function line(server: string, shape: string, ...cells: string[]): string {
  return `${server.padEnd(16)}${shape.padEnd(14)}${cells.map((cell) => cell.padStart(10)).join('')}\n`;
}
