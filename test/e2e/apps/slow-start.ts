// An async app whose startup never ends.
import type { AsyncApp } from '../../../src/async/interface.ts';

export const app: AsyncApp = async (scope, receive) => {
  if (scope.type !== 'lifespan') return;
  await receive();
  process.stderr.write('starting\n');
  await new Promise(() => {});
};
