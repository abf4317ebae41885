// A sync app that begins its answer, and then holds its thread for half a minute.
import type { SyncApp } from '../../../src/sync/interface.ts';

export const app: SyncApp = function* app(environ, startResponse) {
  startResponse('200 OK', [['x-path', environ.PATH_INFO]]);
  yield Buffer.from('begun');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000);
};
