// The settings table: its rows are whole, and no two share a name, a flag or a variable.
import { expect, test } from 'vitest';

import { longest, settingOf, shown, table } from '../../../src/serve/settings.ts';

test('names, flags and variables are unique, and spelled alike', () => {
  const flags = table.flatMap((row) => row.flags);
  expect(new Set(flags).size).toBe(flags.length);
  expect(new Set(table.map((row) => row.name)).size).toBe(table.length);
  for (const row of table) {
    const words = row.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    expect(row.flags[0]).toBe(`--${words}`);
    expect(row.variable).toBe(`DUALGATE_${words.replaceAll('-', '_').toUpperCase()}`);
    for (const flag of row.flags) expect(flag).toMatch(/^(--[a-z]+(-[a-z]+)*|-[a-z])$/);
  }
});

test('a choice has choices, and its default is one of them', () => {
  for (const row of table.filter((one) => one.type === 'choice')) {
    expect(row.choices?.length, row.name).toBeGreaterThan(1);
    expect(row.choices).toContain(row.default);
  }
});

test('a duration has a largest value, which fits into a timer', () => {
  expect(longest).toBeLessThan(2 ** 31 - 60_000);
  for (const row of table.filter((one) => one.type === 'duration')) {
    expect(row.most, row.name).toBe(longest);
  }
});

test('help is one sentence, capital first, without a full stop', () => {
  for (const row of table) expect(row.help, row.name).toMatch(/^[A-Z].*[^.]$/);
});

test.each([
  ['--grace', '10s'],
  ['--graceful-timeout', '10s'],
  ['--max-body', '1GiB'],
  ['-b', '127.0.0.1:8000'],
  ['--access-log', 'on'],
  ['--factory', 'off'],
  ['--threads', ''],
])('the default of %s is shown as %s', (flag, text) => {
  const row = settingOf(flag);
  expect(row && shown(row)).toBe(text);
});

test('values are shown in the largest unit that fits', () => {
  const grace = settingOf('--grace');
  const body = settingOf('--max-body');
  expect(grace && [0, 500, 1500, 90_000, 120_000, 7_200_000].map((ms) => shown(grace, ms))).toEqual([
    '0',
    '500ms',
    '1500ms',
    '90s',
    '2m',
    '2h',
  ]);
  expect(body && [1, 1024, 1025, 16 * 2 ** 20].map((bytes) => shown(body, bytes))).toEqual([
    '1B',
    '1KiB',
    '1025B',
    '16MiB',
  ]);
});
