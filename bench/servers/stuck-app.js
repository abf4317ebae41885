// For threads that are stuck: a sync app that blocks for ever in three ways, and says when it was entered.
import { helloBytes } from './parts.js';

const bed = new Int32Array(new SharedArrayBuffer(4));

export function app(environ, startResponse) {
  const entered = Date.now();
  switch (environ.PATH_INFO) {
    case '/loop':
      for (;;);
    case '/wait':
      Atomics.wait(bed, 0, 0);
      break;
    case '/regex':
      /^(a+)+$/.test(`${'a'.repeat(64)}!`);
      break;
    case '/hold':
      Atomics.wait(bed, 0, 0, Number(environ.QUERY_STRING));
      startResponse('200 OK', [['content-type', 'text/plain']]);
      return [Buffer.from(String(entered))];
  }
  startResponse('200 OK', [['content-type', 'text/plain']]);
  return [helloBytes];
}
