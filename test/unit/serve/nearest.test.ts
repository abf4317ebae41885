// The nearest known name: close enough to be meant, and nothing where nothing is.
import { expect, test } from 'vitest';

import { nearest } from '../../../src/serve/nearest.ts';

const flags = [
  '--bind',
  '--threads',
  '--interface',
  '--server',
  '--access-log',
  '--no-access-log',
  '--grace',
];

test.each([
  ['--thread', '--threads'],
  ['--treads', '--threads'],
  ['--Threads', '--threads'],
  ['--intreface', '--interface'],
  ['--acess-log', '--access-log'],
  ['--no-acces-log', '--no-access-log'],
  ['--zzzzzzzz', undefined],
  ['--workers-of-the-world', undefined],
])('%s is nearest to %s', (typed, meant) => {
  expect(nearest(typed, flags)).toBe(meant);
});
