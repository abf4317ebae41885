// Breaks the contract where it is asked to: without lint() nobody says so.
import type { SyncApp } from 'dualgate/sync';

export const app: SyncApp = (environ, startResponse) => {
  if (environ.PATH_INFO === '/bad') {
    startResponse('200 OK', [['Content-Typ', 'text/plain']]);
    return [];
  }
  const tag: [string, string][] = environ.PATH_INFO === '/tag' ? [['ETag', 'abc']] : [];
  startResponse('200 OK', [['Content-Type', 'text/plain'], ...tag]);
  return [Buffer.from(String(environ['SITE']))];
};
