// One slice of load on one server: wrk for a moment, the server's own CPU time around it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { availableParallelism, cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { Load } from './loads.ts';
import { cpuOf, killTree, treeOf } from './processes.ts';
import type { Server } from './servers.ts';

export interface Subject {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
  readonly server: Server;
}

export interface Slice {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** CPU µs of all the server's threads, per request; NaN where none was answered. */
  readonly cpu: number;
  /** Share of one core that the server took: at 1 it gave all that it had. */
  readonly server: number;
  /** Share of one core that the load client took: at 1 it would have been the bottleneck. */
  readonly client: number;
  /** Latencies in ms. */
  readonly p50: number;
  readonly p99: number;
}

/** Where Python's servers find their app. */
const apps = fileURLToPath(new URL('apps', import.meta.url));

/** A server that does not know a setting of its row: older code than the bench. */
export class Unknown extends Error {}

/** What the servers of the bench exit with then. */
const unknownSetting = 64;

export interface StartOptions {
  /** The binary that runs the server. */
  readonly node: string;
  readonly flags?: readonly string[];
  /** With a channel to this process. */
  readonly channel?: boolean;
}

/** Which processor is whose, where the machine has two. */
export function pins(): { readonly server: string | null; readonly client: string | null } {
  return availableParallelism() > 1 ? { server: '0', client: '1' } : { server: null, client: null };
}

/** Keeps this process, and what it starts, away from the server's processor. */
export function standAside(): void {
  const { client } = pins();
  if (client === null) return;
  execFileSync('taskset', ['-a', '-p', '-c', client, String(process.pid)], { stdio: 'ignore' });
}

/**
 * Starts a server of bench/servers on a free port, on one processor where the machine has two.
 * Rejects with Unknown where it does not know a setting, with Error where it ends before it is ready.
 */
export async function start(
  name: string,
  server: Server,
  { node, flags = [], channel = false }: StartOptions,
): Promise<Subject> {
  const port = await freePort();
  const [file = '', ...rest] = server.command;
  const path = fileURLToPath(new URL(`servers/${file}`, import.meta.url));
  const whole = server.python?.(port) ?? [node, ...flags, path, String(port), ...rest];
  const [program = '', ...args] = pinned(server.unpinned ? everywhere() : pins().server, whole);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit', ...(channel ? (['ipc'] as const) : [])],
    env: { ...process.env, NODE_ENV: 'production', PYTHONPATH: apps, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const failed = once(child, 'exit').then(([code]) => {
    const why = `${name} ended with ${code} before it was ready`;
    throw code === unknownSetting ? new Unknown(why) : new Error(why);
  });
  failed.catch(() => {});
  await Promise.race([server.python ? answering(port, name) : ready(child), failed]);
  return { name, port, child, server };
}

/** Loads `subject` for `seconds` and says what it cost. */
export async function measure(subject: Subject, load: Load, seconds: number): Promise<Slice> {
  const { child, port } = subject;
  if (child.pid === undefined) throw new Error(`${subject.name} has no process`);
  const threads = ['-t1', `-c${load.connections}`, '-d60s', '--latency'];
  const headers = load.headers.flatMap((one) => ['-H', one]);
  const path = load.script && fileURLToPath(new URL(`loads/${load.script}`, import.meta.url));
  const script = path ? ['-s', path] : [];
  const url = `http://127.0.0.1:${port}${load.path}`;
  const [program = '', ...args] = pinned(pins().client, ['wrk', ...threads, ...headers, ...script, url]);
  const processes = treeOf(child.pid);
  const before = cpuOf(processes);
  const from = performance.now();
  const wrk = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const text = gather(wrk);
  await new Promise((go) => setTimeout(go, seconds * 1000));
  const client = wrk.pid === undefined ? 0 : cpuOf([wrk.pid]);
  const clientTime = performance.now() - from;
  wrk.kill('SIGINT');
  const report = read(await text);
  const cpu = cpuOf(processes) - before;
  return {
    ...report,
    cpu: report.requests > 0 ? cpu / 1000 / report.requests : Number.NaN,
    server: cpu / 1e6 / (performance.now() - from),
    client: client / 1e6 / clientTime,
  };
}

function pinned(cpu: string | null, command: readonly string[]): readonly string[] {
  return cpu === null ? command : ['taskset', '-c', cpu, ...command];
}

export async function stop(subject: Subject): Promise<void> {
  if (subject.child.exitCode !== null) return;
  const gone = once(subject.child, 'exit');
  if (subject.child.pid !== undefined) killTree(subject.child.pid);
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

function read(report: string): Omit<Slice, 'cpu' | 'server' | 'client'> {
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
  await once(child, 'exit'); // start() says why
  await new Promise(() => {});
}

/** A program of Python's says nothing when it is ready: it is, when somebody can connect. */
async function answering(port: number, name: string): Promise<void> {
  const patience = performance.now() + 20_000;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    if (performance.now() > patience) throw new Error(`${name} did not listen within 20 s`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

/** Whatever this process was confined to, a server with many threads has all processors. */
function everywhere(): string | null {
  return pins().server === null ? null : `0-${cpus().length - 1}`;
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
