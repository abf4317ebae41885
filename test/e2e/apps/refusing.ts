// An async app that fails its startup, and says why.
import type { AsyncApp } from '../../../src/async/interface.ts';

export const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type !== 'lifespan') return;
  await receive();
  await send({ type: 'lifespan.startup.failed', message: 'there is no database' });
};
