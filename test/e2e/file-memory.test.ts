// A large file and a slow reader: the server's memory does not grow with either.
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { Command } from './process.ts';

const mib = 2 ** 20;
const size = 256 * mib;

test.skipIf(process.platform !== 'linux').each(['0', '2'])(
  '[W-87] 256 MiB to a slow reader take no memory of their own (--threads %s)',
  async (threads) => {
    const folder = mkdtempSync(join(tmpdir(), 'dualgate-file-'));
    for (const [name, length] of [
      ['warm', 64 * mib],
      ['large', size],
    ] as const) {
      writeFileSync(join(folder, name), '');
      truncateSync(join(folder, name), length);
    }
    const args = ['serve', 'examples/download/app.ts:app', '--bind', '127.0.0.1:0', '--threads', threads];
    await using command = new Command(args, { env: { DOWNLOADS: folder } });
    const url = await command.listening();
    expect(await read(`${url}/warm`, 0)).toBe(64 * mib);
    const warm = memoryOf(command.pid, 'VmHWM');
    expect(await read(`${url}/large`, 4 * mib)).toBe(size);
    expect(memoryOf(command.pid, 'VmHWM') - warm).toBeLessThan(48 * mib);
    rmSync(folder, { recursive: true });
  },
);

/** How many bytes came; after each `every` of them the reader rests, and the server with it. */
async function read(url: string, every: number): Promise<number> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject);
  });
  let count = 0;
  let rested = 0;
  for await (const piece of response) {
    count += piece.length;
    if (every === 0 || count - rested < every) continue;
    rested = count;
    await delay(10);
  }
  return count;
}

function memoryOf(pid: number | undefined, what: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${what}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}
