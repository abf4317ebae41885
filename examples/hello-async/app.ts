// npx dualgate serve examples/hello-async/app.ts:app
import type { AsyncApp } from 'dualgate/async';

export const app: AsyncApp = async (scope, _receive, send) => {
  if (scope.type !== 'http') throw new Error(`This app does not speak "${scope.type}"`);
  const text = `Hello from ASGI! You requested: ${scope.path}`;
  const headers = [['content-type', 'text/plain; charset=utf-8']] as const;
  await send({ type: 'http.response.start', status: 200, headers });
  await send({ type: 'http.response.body', body: Buffer.from(text) }); // path is text: UTF-8 again
};
