// argv: the forms of a flag, what stands beside them, and what is refused with which words.
import { expect, test } from 'vitest';

import { parseArgs } from '../../../src/cli/args.ts';
import { table } from '../../../src/serve/settings.ts';

test.each<[string, string[], object]>([
  ['a value in the next word', ['--bind', ':0', '--threads', '2'], { bind: ':0', threads: 2 }],
  ['a value after =', ['--bind=:0', '--grace=500ms'], { bind: ':0', grace: 500 }],
  ['a short flag', ['-b', ':0'], { bind: ':0' }],
  ['a short flag with its value', ['-b:0'], { bind: ':0' }],
  ['a switch', ['--factory'], { factory: true }],
  ['a switch turned off', ['--no-access-log'], { accessLog: false }],
  ['a switch with a word', ['--access-log=off'], { accessLog: false }],
  [
    'a switch with on or off behind it',
    ['--buffer', 'off', '--factory', 'on'],
    { buffer: false, factory: true },
  ],
  [
    'the last of two',
    ['--threads', '2', '--threads=3', '--no-factory', '--factory'],
    { threads: 3, factory: true },
  ],
  [
    "gunicorn's and uvicorn's names",
    ['--graceful-timeout', '30', '--timeout-graceful-shutdown=40'],
    { grace: 40_000 },
  ],
  [
    'pairs, which may have commas and equals signs in them',
    ['--environ', 'A=1,2', '--environ=B=x=y', '--environ', 'A=3', '--environ', 'C='],
    { environ: { A: '3', B: 'x=y', C: '' } },
  ],
  ['nothing', [], {}],
])('%s', (_, argv, config) => {
  expect(parseArgs(argv)).toEqual({ rest: [], config, help: false });
});

test('what is no flag stands in order, wherever it is', () => {
  const { rest, config } = parseArgs(['a.ts:app', '--threads', '1', 'b', '--', '--odd.ts', '-c']);
  expect(rest).toEqual(['a.ts:app', 'b', '--odd.ts', '-c']);
  expect(config).toEqual({ threads: 1 });
});

test.each([['--help'], ['-h']])('%s asks for help', (flag) => {
  expect(parseArgs(['app.ts:app', flag]).help).toBe(true);
});

test('every flag of the table is taken', () => {
  const texts = {
    address: ':0',
    switch: 'on',
    count: '7',
    size: '5KiB',
    duration: '3m',
    text: 'x',
    list: 'x',
    pairs: 'X=y',
  };
  for (const row of table) {
    const text = row.type === 'choice' ? (row.choices?.[0] ?? '') : (row.example ?? texts[row.type]);
    for (const flag of row.flags) {
      const argv = row.type === 'switch' ? [flag] : [flag, text];
      expect(Object.keys(parseArgs(argv).config), flag).toEqual([row.name]);
    }
  }
});

test('a flag of serve is none of the lab’s, and that is what is said', () => {
  expect(() => parseArgs(['--lint'], ['bind'])).toThrow(
    'Unknown flag "--lint": dualgate serve takes it, this command does not',
  );
});

test.each<[string[], string]>([
  [['--thread', '4'], 'Unknown flag "--thread": did you mean --threads?'],
  [['--no-acess-log'], 'Unknown flag "--no-acess-log": did you mean --no-access-log?'],
  [['--no-threads'], 'Unknown flag "--no-threads": did you mean --threads?'],
  [['--port', '80'], 'Unknown flag "--port": did you mean --bind :PORT?'],
  [['-x'], 'Unknown flag "-x": see --help for those that there are'],
  [['--workers', '4'], 'Unknown flag "--workers": did you mean --threads NUMBER?'],
  [['--bind'], 'Cannot read --bind: it needs a value, --bind ADDRESS'],
  [['--server', '--factory'], 'Cannot read --server: it needs a value, --server auto|sync|async'],
  [['--threads', 'four'], 'Cannot read --threads "four": it is a whole number, 0 to 512'],
  [['--threads', '-4'], 'Cannot read --threads "-4": it is a whole number, 0 to 512'],
  [['--environ', 'A'], 'Cannot read --environ "A": it is KEY=VALUE'],
  [
    ['--environ', '__proto__=x'],
    'Cannot read --environ "__proto__=x": a variable is in capitals, such as SITE_NAME, or has a dot, such as shop.currency',
  ],
  [
    ['--environ', 'HTTP_HOST=x'],
    'Cannot read --environ "HTTP_HOST=x": that is for the server to say; give it another name',
  ],
  [['--no-access-log=1'], 'Cannot read --no-access-log=1: --no-access-log takes no value'],
])('%j is refused', (argv, message) => {
  expect(() => parseArgs(argv)).toThrow(expect.objectContaining({ code: 'USAGE', message }));
});

test('a command takes its own settings only', () => {
  expect(parseArgs(['-b', ':0'], ['bind']).config).toEqual({ bind: ':0' });
  expect(() => parseArgs(['--threads', '4'], ['bind'])).toThrow('Unknown flag "--threads"');
});
