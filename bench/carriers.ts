// The carriers as processes of their own, and bodies of any size that go up and down through them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';

const mib = 2 ** 20;
const piece = new Uint8Array(65536);

export interface Carrier {
  readonly name: string;
  readonly app: 'sync' | 'async';
  readonly flags: readonly string[];
  /** MiB that go each way, where nothing else is asked for. */
  readonly size?: number;
}

export const carriers: readonly Carrier[] = [
  { name: 'sync inline', app: 'sync', flags: ['--server', 'sync', '--threads', '0'] },
  { name: 'sync threads', app: 'sync', flags: ['--server', 'sync', '--threads', '4'], size: 1024 },
  { name: 'async', app: 'async', flags: ['--server', 'async'] },
  { name: 'async ← sync inline', app: 'sync', flags: ['--server', 'async', '--threads', '0'] },
  { name: 'async ← sync threads', app: 'sync', flags: ['--server', 'async', '--threads', '4'] },
  { name: 'sync threads ← async', app: 'async', flags: ['--server', 'sync', '--threads', '4'] },
];

/** MiB that the process grows by, at most, while `go` runs; and how large it was before. */
export async function growth(
  child: ChildProcess,
  go: () => Promise<void>,
): Promise<{ readonly warm: number; readonly peak: number; readonly seconds: number }> {
  const size = (): number => residentSize(child.pid ?? 0);
  const warm = size();
  let peak = warm;
  const timer = setInterval(() => {
    peak = Math.max(peak, size());
  }, 20);
  const begun = performance.now();
  try {
    await go();
  } finally {
    clearInterval(timer);
  }
  return { warm, peak: Math.max(peak, size()), seconds: (performance.now() - begun) / 1000 };
}

/** In a process of its own: nothing of the client is in its size. */
export async function startCarrier(
  { name, app, flags }: Carrier,
  env: NodeJS.ProcessEnv = {},
): Promise<{ child: ChildProcess; url: URL }> {
  const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const args = [
    'serve',
    `${file('apps/stream.ts')}:${app}`,
    '-b',
    '127.0.0.1:0',
    '--no-access-log',
    ...flags,
  ];
  const child = spawn(process.execPath, [file('../bin/dualgate.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let said = '';
  const url = await new Promise<URL>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`"${name}" did not listen in 20 s: ${said}`)), 20_000);
    const read = (text: Buffer): void => {
      said += text.toString();
      const found = /Listening on (http:\/\/[\d.:]+)/.exec(said)?.[1];
      if (!found) return;
      clearTimeout(timer);
      resolve(new URL(found));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', () => reject(new Error(`"${name}" did not start: ${said}`)));
  });
  return { child, url };
}

export async function stopCarrier(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
}

export async function upload(url: URL, count: number): Promise<void> {
  const agent = new Agent();
  const outgoing = request(url, { method: 'POST', agent, headers: { 'content-length': count * mib } });
  const answered = once(outgoing, 'response');
  for (let sent = 0; sent < count * mib; sent += piece.length) {
    if (!outgoing.write(piece)) await once(outgoing, 'drain');
  }
  outgoing.end();
  const [response] = await answered;
  let text = '';
  for await (const chunk of response) text += chunk;
  agent.destroy();
  if (text !== String(count * mib)) throw new Error(`${count} MiB were sent, the app counted "${text}"`);
}

export async function download(url: URL, count: number): Promise<void> {
  const agent = new Agent();
  const outgoing = request(new URL(`/?mib=${count}`, url), { agent });
  const answered = once(outgoing, 'response');
  outgoing.end();
  const [response] = await answered;
  let got = 0;
  for await (const chunk of response) got += chunk.length;
  agent.destroy();
  if (got !== count * mib) throw new Error(`${count} MiB were asked for, ${got} bytes came`);
}

/** Resident memory in MiB: /proc where it is, else ps. */
export function residentSize(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(line ?? 0) / 1024;
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    return Number(stdout.trim() || 0) / 1024;
  }
}
