// What an app prints in a call: whole lines, in order, with the request's id.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { Output } from '../../../../src/sync/threads/output.ts';

function made(): { output: Output; writes: string[] } {
  const writes: string[] = [];
  const output = new Output((fd, data) => writes.push(`${fd}:${Buffer.from(data).toString('utf8')}`));
  return { output, writes };
}

test('one write a line, whole ones only, the id before each', () => {
  const { output, writes } = made();
  output.enter('r1');
  output.outlet(1, 'one\ntwo\nth');
  output.outlet(2, 'wrong\n');
  output.outlet(1, Buffer.from('ree\n'));
  expect(writes).toEqual(['1:[r1] one\n', '1:[r1] two\n', '2:[r1] wrong\n', '1:[r1] three\n']);
});

test('what has no newline is written at the end of its call', () => {
  const { output, writes } = made();
  output.enter('r1');
  output.outlet(1, 'to be');
  output.leave();
  output.enter('r2');
  output.outlet(1, 'continued\n');
  expect(writes).toEqual(['1:[r1] to be\n', '1:[r2] continued\n']);
});

test('a line of JSON and an empty one stay as they are', () => {
  const { output, writes } = made();
  output.enter('r1');
  output.outlet(1, '{"level":30}\n\n');
  expect(writes).toEqual(['1:{"level":30}\n', '1:\n']);
});

test('between calls all passes as it is', () => {
  const { output, writes } = made();
  output.outlet(1, 'load');
  output.enter('r1');
  output.leave();
  output.outlet(1, 'ed');
  expect(writes).toEqual(['1:load', '1:ed']);
});

test('a character that is cut by two writes is whole again; a line without an end has a bound', () => {
  const { output, writes } = made();
  output.enter('r1');
  const euro = Buffer.from('€\n');
  output.outlet(1, euro.subarray(0, 1));
  output.outlet(1, euro.subarray(1));
  output.outlet(1, 'x'.repeat(70_000));
  expect(writes).toEqual(['1:[r1] €\n', `1:[r1] ${'x'.repeat(70_000)}\n`]);
});

test('a thread that is terminated by its deadline has lost no line', async () => {
  const program = fileURLToPath(new URL('../apps/last-words.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'source', program], { stdio: 'pipe' });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  await new Promise((resolve) => child.on('close', resolve));
  const lines = out.trimEnd().split('\n');
  expect(lines.pop(), errors).toBe('504 504 504');
  // Each thread's own lines are whole, in order, and all there; they come between one another's.
  for (const name of ['a', 'b', 'c']) {
    const mine = lines.filter((line) => line.startsWith(`[${name}] `));
    expect(mine).toEqual(Array.from({ length: 2000 }, (_, at) => `[${name}] line ${at} ${'.'.repeat(100)}`));
  }
  expect(lines).toHaveLength(6000);
});
