// npx dualgate serve examples/upload/async.ts:app
// Counts and hashes a body while it arrives: one piece in memory, whatever its size.
// Try it: head -c 1G /dev/zero | curl -T - http://127.0.0.1:8000/
import { createHash } from 'node:crypto';

import type { AsyncApp } from 'dualgate/async';

export const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type !== 'http') throw new Error(`This app does not speak "${scope.type}"`);
  const hash = createHash('sha256');
  let bytes = 0;
  for (let more = true; more; ) {
    const event = await receive(); // gives the loop away until it is there
    if (event.type !== 'http.request') return; // the client left half way
    bytes += event.body.length;
    hash.update(event.body);
    more = event.more_body;
  }

  const body = Buffer.from(`${bytes} bytes, sha256 ${hash.digest('hex')}\n`);
  await send({ type: 'http.response.start', status: 200, headers: [['content-type', 'text/plain']] });
  await send({ type: 'http.response.body', body });
};
