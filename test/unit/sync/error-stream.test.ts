// wsgi.errors: what goes in comes out at once.
import { expect, test } from 'vitest';

import { Errors } from '../../../src/sync/error-stream.ts';

test('[W-31] write, writelines and flush: each line as soon as it is whole', () => {
  const out: string[] = [];
  const errors = new Errors((text) => out.push(text));
  errors.write('one\n');
  errors.write('tw');
  expect(out).toEqual(['one']);
  errors.writelines(new Set(['o €\n', 'three\n\nfour']));
  expect(out).toEqual(['one', 'two €', 'three']);
  errors.flush();
  errors.flush();
  expect(out).toEqual(['one', 'two €', 'three', 'four']);
});

test('a line without an end is cut, not kept for ever', () => {
  const out: string[] = [];
  const errors = new Errors((text) => out.push(text));
  for (let round = 0; round < 300; round++) errors.write('x'.repeat(1000));
  expect(out.length).toBeGreaterThan(2);
});

test('[W-31] text only', () => {
  const errors = new Errors(() => {});
  expect(() => errors.write(Buffer.from('x') as unknown as string)).toThrow(/takes text \[W-31\]/);
});

test('[W-37] the app does not close it', () => {
  expect(() => new Errors(() => {}).close()).toThrow(/W-37/);
});
