// npx dualgate serve examples/lint/app.ts:app --lint
import type { SyncApp } from 'dualgate/sync';

/** Three faults, and one page that has none: lint() names the clause and the line of each. */
export const app: SyncApp = (environ, startResponse) => {
  switch (environ.PATH_INFO) {
    case '/head':
      startResponse('200 OK', [['Content-Typ', 'text/plain']]);
      return [];
    case '/body':
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return ['text'] as unknown as Uint8Array[]; // what TypeScript would not let through
    case '/length':
      startResponse('200 OK', [
        ['Content-Type', 'text/plain'],
        ['Content-Length', '4'],
      ]);
      return [Buffer.from('hello')];
    default:
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [Buffer.from('fine')];
  }
};
