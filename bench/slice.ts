// One slice of load on one server: wrk for a moment, the server's own CPU time around it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

export interface Subject {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
}

export interface Load {
  readonly path: string;
  readonly script: string | null;
  readonly headers: readonly string[];
  readonly connections: number;
}

export interface Slice {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** CPU µs of all the server's threads, per request. */
  readonly cpu: number;
  /** Share of one core that the load client took: below 1 it was not the bottleneck. */
  readonly client: number;
  readonly p50: number;
  readonly p99: number;
}

/** Starts a server of bench/servers on a free port, on one processor where the machine has two. */
export async function start(
  name: string,
  command: readonly string[],
  node: string,
  pin: string | null,
): Promise<Subject> {
  const port = await freePort();
  const [file = '', ...rest] = command;
  const argv = [node, new URL(`servers/${file}`, import.meta.url).pathname, String(port), ...rest];
  const all = pin === null ? argv : ['taskset', '-c', pin, ...argv];
  const child = spawn(all[0] ?? '', all.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const failed = once(child, 'exit').then(() =>
    Promise.reject(new Error(`${name} ended before it was ready`)),
  );
  await Promise.race([ready(child), failed]);
  failed.catch(() => {});
  return { name, port, child };
}

/** Loads `subject` for `seconds` and says what it cost. */
export async function measure(
  subject: Subject,
  load: Load,
  seconds: number,
  pin: string | null,
): Promise<Slice> {
  const { child, port } = subject;
  if (child.pid === undefined) throw new Error(`${subject.name} has no process`);
  const args = [
    '-t1',
    `-c${load.connections}`,
    '-d60s',
    '--latency',
    ...load.headers.flatMap((one) => ['-H', one]),
  ];
  if (load.script !== null) args.push('-s', new URL(`loads/${load.script}`, import.meta.url).pathname);
  args.push(`http://127.0.0.1:${port}${load.path}`);
  const all = pin === null ? ['wrk', ...args] : ['taskset', '-c', pin, 'wrk', ...args];
  const before = cpuOf(child.pid);
  const from = process.hrtime.bigint();
  const wrk = spawn(all[0] ?? '', all.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const text = gather(wrk);
  await new Promise((go) => setTimeout(go, seconds * 1000));
  const client = wrk.pid === undefined ? 0 : cpuOf(wrk.pid);
  wrk.kill('SIGINT');
  const report = await text;
  const took = Number(process.hrtime.bigint() - from) / 1e9;
  return {
    ...read(report),
    cpu: (cpuOf(child.pid) - before) / 1000 / Math.max(1, read(report).requests),
    client: client / 1e9 / took,
  };
}

export async function stop(subject: Subject): Promise<void> {
  const gone = once(subject.child, 'exit');
  subject.child.kill('SIGKILL');
  await gone;
}

export function wrkIsThere(): boolean {
  try {
    execFileSync('which', ['wrk']);
    return true;
  } catch {
    return false;
  }
}

function read(report: string): Omit<Slice, 'cpu' | 'client'> {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? 0);
  const sockets =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report)?.slice(1) ?? [];
  return {
    requests: number(/(\d+) requests in/),
    errors: number(/Non-2xx or 3xx responses: (\d+)/) + sockets.reduce((sum, one) => sum + Number(one), 0),
    seconds: duration(/requests in ([\d.]+\w+)/.exec(report)?.[1]),
    p50: duration(/50%\s+([\d.]+\w+)/.exec(report)?.[1]) * 1000,
    p99: duration(/99%\s+([\d.]+\w+)/.exec(report)?.[1]) * 1000,
  };
}

function duration(text = '0s'): number {
  const [, value = '0', unit = 's'] = /^([\d.]+)(us|ms|s|m|h)$/.exec(text) ?? [];
  return Number(value) * ({ us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }[unit] ?? 1);
}

/** Nanoseconds of CPU of all threads of a process (user and kernel). */
function cpuOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      return sum; // a thread that ended between the two reads
    }
  }, 0);
}

async function gather(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (part: Buffer) => {
    text += part.toString();
  });
  await once(child, 'close');
  return text;
}

async function ready(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new Error('The server has no stdout');
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') return;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port');
  return address.port;
}
