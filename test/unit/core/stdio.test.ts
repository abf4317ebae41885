// What a thread prints while it is blocked: in a process of its own, whose output is a pipe.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

test('lines come out while the thread is blocked, whole, and before it is terminated', async () => {
  const program = fileURLToPath(new URL('../sync/apps/printer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'source', program], { stdio: 'pipe' });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([out, code], errors).toEqual(['[test] one\n[test] two €\n[test] three\n', 0]);
  expect(errors).toBe('[test] to standard error\n');
});
