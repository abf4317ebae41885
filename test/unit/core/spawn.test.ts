// Threads and processes out of .ts modules, on every Node that we run on.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { parseRef } from '../../../src/core/load.ts';
import { startCommand, startThread } from '../../../src/core/spawn.ts';

const directory = fileURLToPath(new URL('./apps', import.meta.url));

test('four threads load one TypeScript app, transpiled once', async () => {
  const source = parseRef('greet.ts:app', { directory });
  const here = new URL('./apps/any.ts', import.meta.url).href;
  const start = () => startThread(here, './thread', { name: 'test', data: { source }, apps: [source.url] });
  const threads = await Promise.all([start(), start(), start(), start()]);
  try {
    const answers = await Promise.all(threads.map((thread) => once(thread, 'message')));
    expect(answers.flat()).toEqual(Array(4).fill('hello Ada'));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
});

test('what types cannot be stripped from, such as an enum, runs in a thread too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dualgate-spawn-'));
  writeFileSync(
    join(folder, 'app.ts'),
    "enum Mood { Kind = 'kind' }\nexport const app = (): string => Mood.Kind;\n",
  );
  const source = parseRef('app.ts', { directory: folder });
  const here = new URL('./apps/any.ts', import.meta.url).href;
  const thread = await startThread(here, './thread', { name: 'test', data: { source }, apps: [source.url] });
  try {
    expect(await once(thread, 'message')).toEqual(['kind']);
  } finally {
    await thread.terminate();
    rmSync(folder, { recursive: true });
  }
});

test('a module that does not parse is an error of its thread, with its place', async () => {
  const here = new URL('./apps/any.ts', import.meta.url).href;
  const thread = await startThread(here, './missing', { name: 'test' });
  const [error] = await once(thread, 'error');
  expect(String(error)).toContain('missing.ts');
});

test('a command runs from the same place as we do', async () => {
  const child = startCommand(['--version']);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = await once(child, 'close');
  expect({ code, text: text.trim() }).toEqual({
    code: 0,
    text: expect.stringMatching(/^(dualgate )?\d+\.\d+\.\d+$/),
  });
});
