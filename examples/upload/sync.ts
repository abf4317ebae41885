// npx dualgate serve examples/upload/sync.ts:app
// Counts and hashes a body while it arrives: 64 KiB in memory, whatever its size.
// Try it: head -c 1G /dev/zero | curl -T - http://127.0.0.1:8000/
import { createHash } from 'node:crypto';

import type { SyncApp } from 'dualgate/sync';

export const app: SyncApp = (environ, startResponse) => {
  const hash = createHash('sha256');
  let bytes = 0;
  for (;;) {
    const chunk = environ['wsgi.input'].read(65_536); // blocks this thread until it is there
    if (chunk.length === 0) break;
    bytes += chunk.length;
    hash.update(chunk);
  }

  startResponse('200 OK', [['content-type', 'text/plain']]);
  return [Buffer.from(`${bytes} bytes, sha256 ${hash.digest('hex')}\n`)];
};
