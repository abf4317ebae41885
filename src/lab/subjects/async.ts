// The async app of the start page: while it waits, its loop works on.
import { setTimeout as sleep } from 'node:timers/promises';

import type { AsyncApp } from 'dualgate/async';

export const app: AsyncApp = async (scope, _receive, send) => {
  if (scope.type !== 'http') throw new Error('This app speaks HTTP');
  const query = new URLSearchParams(scope.query_string);
  const ms = Math.min(Number(query.get('ms')) || 200, 1000);

  if (scope.path === '/wait') await sleep(ms);

  const text = `Hello from ASGI! You requested: ${scope.path}`;
  const headers = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['x-ran-by', String(scope.extensions['dualgate.lane']?.['name'])],
  ] as const;
  await send({ type: 'http.response.start', status: 200, headers });
  await send({ type: 'http.response.body', body: Buffer.from(text) });
};
