// Memory: how much each carrier grows while 256 MiB go up through it, and while 256 MiB come down. `npm run memory`
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';

const mib = 2 ** 20;
/** Size of one body, in MiB; another one can be asked for: `npm run memory -- 32`. */
const size = Number(process.argv[2] ?? 256);
const warmUp = Math.min(32, size);
/** What a carrier may grow over its warmed-up size, in MiB. */
const bound = 64;
const piece = new Uint8Array(65536);

interface Carrier {
  readonly name: string;
  readonly app: 'sync' | 'async';
  readonly flags: readonly string[];
}

const carriers: readonly Carrier[] = [
  { name: 'sync inline', app: 'sync', flags: ['--server', 'sync', '--threads', '0'] },
  { name: 'sync threads', app: 'sync', flags: ['--server', 'sync', '--threads', '4'] },
  { name: 'async', app: 'async', flags: ['--server', 'async'] },
  { name: 'async ← sync inline', app: 'sync', flags: ['--server', 'async', '--threads', '0'] },
  { name: 'async ← sync threads', app: 'sync', flags: ['--server', 'async', '--threads', '4'] },
  { name: 'sync threads ← async', app: 'async', flags: ['--server', 'sync', '--threads', '4'] },
];

interface Row {
  readonly carrier: string;
  readonly direction: 'up' | 'down';
  readonly warm: number;
  readonly peak: number;
  readonly seconds: number;
}

await main();

async function main(): Promise<void> {
  const rows: Row[] = [];
  for (const carrier of carriers) {
    for (const row of await measure(carrier)) {
      rows.push(row);
      console.log(lineOf(row));
    }
  }
  const worst = Math.max(...rows.map((row) => row.peak - row.warm));
  const held = worst < bound;
  console.log(
    `\n${size} MiB each way; the largest growth is ${worst.toFixed(1)} MiB, the bound is ${bound} MiB`,
  );
  process.exitCode = held ? 0 : 1;
}

function lineOf({ carrier, direction, warm, peak, seconds }: Row): string {
  const growth = peak - warm;
  const verdict = growth < bound ? '' : '  too much';
  const figures = [`warm ${warm.toFixed(1)}`, `peak ${peak.toFixed(1)}`, `growth ${growth.toFixed(1)} MiB`];
  const rate = `${(size / seconds).toFixed(0)} MiB/s`;
  return `${carrier.padEnd(22)} ${direction.padEnd(5)} ${figures.map((each) => each.padEnd(18)).join('')}${rate}${verdict}`;
}

/** A server of its own for each carrier, in a process of its own: nothing of the client is in its size. */
async function measure(carrier: Carrier): Promise<Row[]> {
  const server = await startServer(carrier);
  try {
    const rows: Row[] = [];
    for (const direction of ['up', 'down'] as const) {
      const go = direction === 'up' ? upload : download;
      await go(server.url, warmUp);
      await go(server.url, warmUp);
      rows.push(await watched(server.child, carrier.name, direction, () => go(server.url, size)));
    }
    return rows;
  } finally {
    await stop(server.child);
  }
}

async function watched(
  child: ChildProcess,
  carrier: string,
  direction: Row['direction'],
  go: () => Promise<void>,
): Promise<Row> {
  const warm = residentSize(child.pid ?? 0);
  let peak = warm;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentSize(child.pid ?? 0));
  }, 20);
  const begun = performance.now();
  try {
    await go();
  } finally {
    clearInterval(timer);
  }
  const seconds = (performance.now() - begun) / 1000;
  return { carrier, direction, warm, peak: Math.max(peak, residentSize(child.pid ?? 0)), seconds };
}

async function startServer({ name, app, flags }: Carrier): Promise<{ child: ChildProcess; url: URL }> {
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
}

async function upload(url: URL, count: number): Promise<void> {
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

async function download(url: URL, count: number): Promise<void> {
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
function residentSize(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(line ?? 0) / 1024;
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    return Number(stdout.trim() || 0) / 1024;
  }
}
