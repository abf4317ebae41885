// An async app whose answers wait: for a moment, for ever, or for nothing while it throws in the background.
import { setTimeout as after } from 'node:timers/promises';

import type { AsyncApp } from '../../../src/async/interface.ts';

export const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type === 'lifespan') return lifespan(receive, send);
  if (scope.type !== 'http') throw new Error('Only HTTP');
  if (scope.path === '/throw') setTimeout(() => boom('a timer'), 1);
  if (scope.path === '/reject') void Promise.reject(new Error('Boom in a promise'));
  await send({ type: 'http.response.start', status: 200 });
  await send({ type: 'http.response.body', body: Buffer.from('begun '), more_body: true });
  if (scope.path === '/wait') await after(400);
  if (scope.path === '/forever') await new Promise(() => {});
  await send({ type: 'http.response.body', body: Buffer.from('finished') });
};

async function lifespan(receive: Parameters<AsyncApp>[1], send: Parameters<AsyncApp>[2]): Promise<void> {
  await receive();
  await send({ type: 'lifespan.startup.complete' });
  await receive();
  process.stderr.write('the app was shut down\n');
  await send({ type: 'lifespan.shutdown.complete' });
}

function boom(where: string): never {
  throw new Error(`Boom in ${where}`);
}
