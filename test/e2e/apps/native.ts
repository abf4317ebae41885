// A sync app that waits in a native call for as many seconds as the query says, and prints.
import { execSync } from 'node:child_process';

import type { SyncApp } from '../../../src/sync/interface.ts';

export const app: SyncApp = (environ, startResponse) => {
  console.log(`asked for ${environ.PATH_INFO}`);
  if (environ.QUERY_STRING !== '') execSync(`sleep ${environ.QUERY_STRING}`, { stdio: 'ignore' });
  startResponse('200 OK', [['x-request-id', String(environ['dualgate.request_id'])]]);
  return [Buffer.from('served')];
};
