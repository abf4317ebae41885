// The lab without a browser: its orders over HTTP, whom it refuses, and that its servers end with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as after } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { silent } from '../../src/core/log.ts';
import { type Lab, startLab } from '../../src/lab/lab.ts';
import type { RaceEvent } from '../../src/lab/messages.ts';
import { allReady, cellsOf, pidsOf } from '../support/lab-client.ts';

const json = { 'content-type': 'application/json' };
const race = { cells: ['async-on-async'], requests: 2, wait: 1 };

describe('a lab', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ bind: '127.0.0.1:0', log: silent });
    await cellsOf(lab.url, allReady);
  });
  afterAll(() => lab.close());

  function post(path: string, order: unknown, headers: Record<string, string> = json): Promise<Response> {
    return fetch(`${lab.url}${path}`, { method: 'POST', headers, body: JSON.stringify(order) });
  }

  test('answers a race line by line', async () => {
    const response = await post('/api/race', race);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const events = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RaceEvent);
    expect(events.map(({ kind }) => kind)).toEqual(['begin', 'answer', 'answer', 'end']);
  });

  test('refuses what a web site could send, and what is no order', async () => {
    const status = async (sent: Promise<Response>): Promise<number> => (await sent).status;
    expect(await status(post('/api/race', race, { ...json, origin: 'http://evil.example' }))).toBe(403);
    expect(await status(post('/api/race', race, { ...json, 'sec-fetch-site': 'cross-site' }))).toBe(403);
    expect(await status(post('/api/race', race, { 'content-type': 'text/plain' }))).toBe(415);
    expect(await status(post('/api/race', { ...race, requests: 1e9 }))).toBe(400);
    expect(await status(post('/api/send', 'x'.repeat(5000)))).toBe(413);
    expect(await status(fetch(`${lab.url}/api/race`))).toBe(404);
    expect(await status(fetch(`${lab.url}/../messages.ts`))).toBe(404);
    expect(await status(fetch(lab.url, { method: 'DELETE', headers: json }))).toBe(405);
  });

  test('has one race at a time, and another one after it', async () => {
    const long = await post('/api/race', { ...race, wait: 500 });
    const second = await post('/api/race', race);
    expect(second.status).toBe(409);
    await long.body?.cancel();
    await expect.poll(async () => (await post('/api/race', race)).status).toBe(200);
  });
});

test('it opens on this machine alone', async () => {
  await expect(startLab({ bind: '0.0.0.0:0', log: silent })).rejects.toThrow('stays on this machine');
});

test.for(['SIGTERM', 'SIGKILL'] as const)('after %s none of its servers is left', async (signal) => {
  const child = spawn(process.execPath, ['bin/dualgate.js', 'lab', '-b', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, DUALGATE_LOG_LEVEL: 'warn' },
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const pids = pidsOf(await cellsOf(String(line).replace('Listening on ', ''), allReady));
  expect(pids).toHaveLength(4);
  expect(pids.every(alive)).toBe(true);
  child.kill(signal);
  await once(child, 'exit');
  // Nobody tells us when another process's child ends.
  while (pids.some(alive)) await after(20);
  expect(child.signalCode ?? child.exitCode).toBe(signal === 'SIGTERM' ? 0 : 'SIGKILL');
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
