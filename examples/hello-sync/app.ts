// npx dualgate serve examples/hello-sync/app.ts:app
import type { SyncApp } from 'dualgate/sync';

export const app: SyncApp = (environ, startResponse) => {
  const text = `Hello from WSGI! You requested: ${environ.PATH_INFO}`;
  startResponse('200 OK', [['content-type', 'text/plain; charset=utf-8']]);
  return [Buffer.from(text, 'latin1')]; // PATH_INFO holds octets: one character each
};
