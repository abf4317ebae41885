// npx dualgate serve examples/both-ways/async.ts:app   (and with --server sync)
// The same countdown in the async contract: it awaits between two lines, and the loop does other things.
import { setTimeout as sleep } from 'node:timers/promises';

import type { AsyncApp } from 'dualgate/async';

export const app: AsyncApp = async (scope, _receive, send) => {
  if (scope.type !== 'http') throw new Error(`This app does not speak "${scope.type}"`);
  await send({ type: 'http.response.start', status: 200, headers: [['content-type', 'text/plain']] });
  for (const word of ['three', 'two', 'one', 'go']) {
    await send({ type: 'http.response.body', body: Buffer.from(`${word}\n`), more_body: true });
    await sleep(50);
  }
  await send({ type: 'http.response.body' });
};
