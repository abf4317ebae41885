// A factory that makes an app twice, and then no more: what a pool's replacements meet after a broken deploy.
import { randomUUID } from 'node:crypto';

import type { SyncApp } from '../../../../src/sync/interface.ts';

export function once(made: Int32Array): SyncApp {
  if (Atomics.add(made, 0, 1) >= 2) throw new Error('The deploy is broken');
  const self = Buffer.from(randomUUID());
  return (_environ, startResponse) => {
    startResponse('200 OK', []);
    return [self];
  };
}
