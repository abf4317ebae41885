// Help: every setting is there, with all its flags, its variable and its default.
import { expect, test } from 'vitest';

import { commandHelp, labSettings, labUsage, serveUsage } from '../../../src/cli/help.ts';
import { shown, table } from '../../../src/serve/settings.ts';

const help = commandHelp(serveUsage);

test.each(table.map((row) => [row.name, row] as const))('%s is there', (_, row) => {
  for (const flag of row.flags) expect(help).toContain(flag);
  expect(help).toContain(row.variable);
  if (row.default !== undefined) expect(help.replace(/\s+/g, ' ')).toContain(`default ${shown(row)}`);
  if (row.default === true) expect(help).toContain('--no-access-log');
});

test('no line is wider than 100 columns or ends in a blank', () => {
  for (const line of help.split('\n')) {
    expect(line.length, line).toBeLessThanOrEqual(100);
    expect(line).not.toMatch(/\s$/);
  }
});

test('the lab lists its own settings only', () => {
  const lab = commandHelp(labUsage, labSettings);
  expect(lab).toContain('--bind');
  expect(lab).not.toContain('--threads');
});
