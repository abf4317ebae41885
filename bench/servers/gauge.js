// Loaded before a server whose memory is measured: it answers over its channel, after a collection of garbage.
import { writeHeapSnapshot } from 'node:v8';

process.on('message', ({ snapshot }) => {
  const before = process.memoryUsage().rss;
  for (let count = 0; count < 3; count += 1) globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ before, rss, heapUsed, external, file: snapshot ? writeHeapSnapshot(snapshot) : null });
});
