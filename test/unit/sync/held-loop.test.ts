// An app that holds the event loop: nothing ends it, and the log says so afterwards.
import { expect, test } from 'vitest';

import { timed } from '../../../src/sync/held-loop.ts';
import { Inline } from '../../../src/sync/inline.ts';
import type { SyncApp } from '../../../src/sync/interface.ts';
import { sleep } from '../../../src/sync/sleep.ts';
import { TestCall } from './carrier.ts';
import { Lines } from './threads/staged.ts';

const app: SyncApp = function* app(environ, startResponse) {
  startResponse('200 OK', []);
  yield Buffer.from('some');
  sleep(Number(environ.QUERY_STRING));
};

test('once it has let go: which call, and for how long', async () => {
  const { log, all } = new Lines();
  const inline = new Inline(app, { log, timeout: 100 });
  const short = new TestCall({ path: '/short', query: '1' });
  await inline.run(short);
  expect(all).toEqual([]);
  const long = new TestCall({ path: '/long', query: '250' });
  await inline.run(long);
  expect([long.text, long.ended]).toEqual(['some', true]);
  const text = expect.stringMatching(
    /^The app held the event loop for 0\.\d s, and 0\.1 s are its limit: GET "\/long"$/,
  );
  expect(all).toEqual([{ level: 'warn', text, fields: { request: long.id } }]);
});

test('a client that is slow does not count', async () => {
  const { log, all } = new Lines();
  const inline = new Inline(app, { log, timeout: 50 });
  const call = new TestCall({ query: '1', room: () => new Promise((resolve) => setTimeout(resolve, 200)) });
  await inline.run(call);
  expect([call.ended, all]).toEqual([true, []]);
});

test('what the steps throw is thrown, and what is left early is closed', () => {
  const said: string[] = [];
  function* steps(): Generator<void, void, void> {
    try {
      yield;
      throw new RangeError('A fault');
    } finally {
      said.push('closed');
    }
  }
  expect(() => [...timed(steps(), 1e9, () => {})]).toThrow('A fault');
  for (const _ of timed(steps(), 1e9, () => {})) break;
  expect(said).toEqual(['closed', 'closed']);
});
