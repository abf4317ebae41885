import type { SyncApp } from 'dualgate/sync';

export const app: SyncApp = (environ, startResponse) => {
  if (environ.PATH_INFO === '/bad') {
    startResponse('200 OK', [['Content-Typ', 'text/plain']]);
    return [];
  }
  if (environ.PATH_INFO === '/tag') {
    startResponse('200 OK', [
      ['Content-Type', 'text/plain'],
      ['ETag', 'abc'],
    ]);
    return [Buffer.from('tag')];
  }
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(JSON.stringify(environ['SITE']) + environ['dualgate.lane'] + environ.HTTP_HOST)];
};
