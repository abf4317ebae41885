// An async app that answers as hello-sync does, byte for byte.
import type { AsyncApp } from '../../../src/async/interface.ts';

export const app: AsyncApp = async (scope, _receive, send) => {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const body = Buffer.from(`Hello from WSGI! You requested: ${scope.path}`);
  const lane = String(scope.extensions['dualgate.lane']?.['name']);
  const headers = [
    ['content-type', 'text/plain'],
    ['x-lane', lane],
    ['x-pid', String(process.pid)],
  ] as const;
  await send({ type: 'http.response.start', status: 200, headers });
  await send({ type: 'http.response.body', body });
};
