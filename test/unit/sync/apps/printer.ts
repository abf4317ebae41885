// Run as a program: a pool of one thread whose app prints, and then blocks until it is terminated.
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { parseRef } from '../../../../src/core/load.ts';
import type { SyncApp } from '../../../../src/sync/interface.ts';
import { sleep } from '../../../../src/sync/sleep.ts';
import { Pool } from '../../../../src/sync/threads/pool.ts';
import { TestCall } from '../carrier.ts';

export const app: SyncApp = (_environ, startResponse) => {
  const write = startResponse('200 OK', []);
  console.log('one');
  process.stdout.write('two €\n', 'utf8');
  process.stdout.write(Buffer.from('three\n'));
  console.error('to standard error');
  write(Buffer.from('printed'));
  sleep(20_000);
  return [];
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const pool = new Pool(parseRef(`${import.meta.url}#app`), { threads: 1 });
  await pool.start();
  const call = new TestCall();
  const running = pool.run(call);
  await call.first.promise;
  await pool.close(0);
  await running;
}
