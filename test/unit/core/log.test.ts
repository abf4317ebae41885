// The log: lines for people, JSON elsewhere, nothing lost.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { createLog, type LogOptions } from '../../../src/core/log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dualgate-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function written(options: LogOptions, use: (log: ReturnType<typeof createLog>) => void): string {
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  use(createLog({ ...options, fd }));
  closeSync(fd);
  return readFileSync(path, 'utf8');
}

test('JSON carries the level, the fields and an error with its cause', () => {
  const text = written({ format: 'json' }, (log) =>
    log.error('It broke', { id: 'a1', error: new Error('outer', { cause: new Error('inner') }) }),
  );
  const line = JSON.parse(text) as {
    level: number;
    msg: string;
    id: string;
    error: { message: string; stack: string };
  };
  expect(line).toMatchObject({ level: 50, msg: 'It broke', id: 'a1' });
  expect(line.error.message).toContain('inner');
});

test('text is one line with its fields, and the stack below', () => {
  const text = written({ format: 'text' }, (log) => log.warn('Slow', { ms: 12, error: new Error('why') }));
  const [first, second] = text.split('\n');
  expect(first).toMatch(/^\d\d:\d\d:\d\d\.\d{3} .*warn.* Slow ms=12$/);
  expect(second).toBe('  Error: why');
});

test('a level silences those below it', () => {
  expect(written({ format: 'text', level: 'warn' }, (log) => log.info('quiet'))).toBe('');
  expect(written({ format: 'text', level: 'silent' }, (log) => log.error('quiet'))).toBe('');
});
