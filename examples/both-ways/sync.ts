// npx dualgate serve examples/both-ways/sync.ts:app   (and with --server async)
// A countdown in the sync contract: it sleeps between two lines, and its thread sleeps with it.
import { type SyncApp, sleep } from 'dualgate/sync';

export const app: SyncApp = (_environ, startResponse) => {
  startResponse('200 OK', [['content-type', 'text/plain']]);
  return countdown();
};

function* countdown(): Generator<Uint8Array> {
  for (const word of ['three', 'two', 'one', 'go']) {
    yield Buffer.from(`${word}\n`);
    sleep(50);
  }
}
