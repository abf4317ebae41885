// The gate's table: app kind × server kind × threads, with a reference and with a function.
import { describe, expect, test } from 'vitest';

import { settle } from '../../../src/serve/config.ts';
import { callsHere, nameOf, planFor } from '../../../src/serve/gate.ts';
import type { Kind } from '../../../src/serve/kind.ts';
import type { Config } from '../../../src/serve/settings.ts';

describe('a reference', () => {
  test.each<[Kind, Config, string, boolean]>([
    ['sync', {}, 'sync threads (4)', false],
    ['sync', { threads: 8 }, 'sync threads (8)', false],
    ['sync', { threads: 0 }, 'sync inline', true],
    ['sync', { server: 'sync' }, 'sync threads (4)', false],
    ['sync', { server: 'async' }, 'async ← sync threads (4)', false],
    ['sync', { server: 'async', threads: 0 }, 'async ← sync inline', true],
    ['async', {}, 'async', true],
    ['async', { threads: 8 }, 'async', true],
    ['async', { server: 'async' }, 'async', true],
    ['async', { server: 'sync' }, 'sync threads (4) ← async', false],
    ['async', { server: 'sync', threads: 0 }, 'sync inline ← async', false],
  ])('%s app, %o: %s', (kind, config, name, here) => {
    const plan = planFor(kind, true, settle(config, {}), 'app.ts:app');
    expect(nameOf(plan)).toBe(name);
    expect(callsHere(plan)).toBe(here);
  });
});

describe('a function', () => {
  test.each<[Kind, Config, string]>([
    ['sync', {}, 'sync inline'],
    ['sync', { server: 'async' }, 'async ← sync inline'],
    ['async', {}, 'async'],
    ['async', { threads: 8 }, 'async'],
  ])('%s app, %o: %s', (kind, config, name) => {
    expect(nameOf(planFor(kind, false, settle(config, {}), 'app'))).toBe(name);
  });

  test.each<[Kind, Config, string, string]>([
    [
      'sync',
      { threads: 2 },
      'USAGE',
      'Cannot run the function "app" on 2 threads: a thread loads the app by itself',
    ],
    ['sync', { server: 'async', threads: 2 }, 'USAGE', 'on 2 threads'],
    [
      'async',
      { server: 'sync' },
      'BRIDGE_SAME_THREAD',
      'Cannot run the async function "app" on the sync server',
    ],
  ])('%s app, %o: refused', (kind, config, code, message) => {
    const plan = (): unknown => planFor(kind, false, settle(config, {}), 'app');
    expect(plan).toThrow(message);
    expect(plan).toThrow(expect.objectContaining({ code }));
  });
});

describe('with the buffer off', () => {
  test('a sync app on threads', () => {
    const plan = planFor('sync', true, settle({ buffer: false }, {}), 'app.ts:app');
    expect(nameOf(plan)).toBe('sync threads (4)');
  });

  test.each<[Kind, Config, string]>([
    [
      'sync',
      { threads: 0 },
      'it runs on the event loop, which nobody may hold; leave --buffer on, or give it threads',
    ],
    [
      'sync',
      { server: 'async' },
      'the async server reads by itself; leave --buffer on, or the server at sync',
    ],
    ['async', {}, 'it is an async app, whose requests hold no thread; leave --buffer on'],
    ['async', { server: 'sync' }, 'it is an async app, whose requests hold no thread; leave --buffer on'],
  ])('%s app, %o: refused', (kind, config, why) => {
    const plan = (): unknown => planFor(kind, true, settle({ buffer: false, ...config }, {}), 'app.ts:app');
    expect(plan).toThrow(`Cannot serve "app.ts:app" with the buffer off: ${why}`);
    expect(plan).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
