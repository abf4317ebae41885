// Run as a program: three threads print 2000 lines each, and then are stuck until their deadline ends them.
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { parseRef } from '../../../../src/core/load.ts';
import type { SyncApp } from '../../../../src/sync/interface.ts';
import { Pool } from '../../../../src/sync/threads/pool.ts';
import { TestCall } from '../carrier.ts';

export const app: SyncApp = () => {
  for (let at = 0; at < 2000; at++) console.log(`line ${at} ${'.'.repeat(100)}`);
  for (;;);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const pool = new Pool(parseRef(`${import.meta.url}#app`), { threads: 3, warmThreads: 0, timeout: 2000 });
  await pool.start();
  const calls = ['a', 'b', 'c'].map((id) => new TestCall({ headers: { 'dualgate.request_id': id } }));
  await Promise.all(calls.map((call) => pool.run(call)));
  const status = calls.map(({ failure }) => (failure && 'status' in failure ? failure.status : '-'));
  await pool.close(0);
  console.log(status.join(' '));
}
