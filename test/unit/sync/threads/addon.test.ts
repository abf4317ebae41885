// A native addon for one thread only: start() says what to do.
import { expect, test } from 'vitest';

import { GatewayError } from '../../../../src/core/errors.ts';
import { parseRef } from '../../../../src/core/load.ts';
import { forOneThreadOnly } from '../../../../src/sync/threads/addon.ts';
import { libraryAtHand } from '../apps/addon.ts';
import { staged } from './staged.ts';

const source = { ...parseRef(`${new URL('../apps/addon.ts', import.meta.url).href}#load`), factory: true };

test.skipIf(!libraryAtHand())(
  'start() rejects with the addon, and the way to serve the app all the same',
  async () => {
    const start = staged({ threads: 1 }, source);
    await expect(start).rejects.toMatchObject({ code: 'APP_LOAD' });
    await expect(start).rejects.toThrow(
      /the native addon ".*libm.*" can be loaded by one thread of a process only; serve it with --threads 0, and start more processes$/,
    );
  },
);

test('any other error stays as it is', () => {
  for (const error of [
    new GatewayError('APP_LOAD', 'No'),
    new Error('did not self-register'),
    undefined,
    1,
  ]) {
    expect(forOneThreadOnly(error, source)).toBe(error);
  }
});
