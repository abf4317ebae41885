// The sync app of the start page: while it waits, its thread waits.
import { type ResponseHeaders, type SyncApp, sleep } from 'dualgate/sync';

export const app: SyncApp = (environ, startResponse) => {
  const query = new URLSearchParams(environ.QUERY_STRING);
  const ms = Math.min(Number(query.get('ms')) || 200, 1000);

  if (environ.PATH_INFO === '/wait') sleep(ms);

  const text = `Hello from WSGI! You requested: ${environ.PATH_INFO}`;
  const headers: ResponseHeaders = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['x-ran-by', String(environ['dualgate.lane'])],
  ];
  startResponse('200 OK', headers);
  return [Buffer.from(text, 'latin1')];
};
