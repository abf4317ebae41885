// A sync app that greets, and says who runs it.
import type { SyncApp } from '../../../src/sync/interface.ts';

export const app: SyncApp = (environ, startResponse) => {
  const body = Buffer.from(`Hello from WSGI! You requested: ${environ.PATH_INFO}`);
  startResponse('200 OK', [
    ['content-type', 'text/plain'],
    ['x-lane', String(environ['dualgate.lane'])],
    ['x-pid', String(process.pid)],
  ]);
  return [body];
};
