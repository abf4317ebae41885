// npx dualgate serve examples/clock/app.ts:app
// Server-Sent Events: one answer that never ends. Open it in a browser, or: curl -N http://127.0.0.1:8000/ticks
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { AsyncApp, Receive, Send } from 'dualgate/async';

const pages: Record<string, readonly [file: string, type: string]> = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
};

export const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type !== 'http') throw new Error(`This app does not speak "${scope.type}"`);
  if (scope.path === '/ticks') return ticks(receive, send);

  const [file, type] = pages[scope.path] ?? [];
  const body = file ? await readFile(new URL(file, import.meta.url)) : Buffer.from('Not found\n');
  const headers = [
    ['content-type', type ?? 'text/plain'],
    ['content-security-policy', "default-src 'self'"],
  ] as const;
  await send({ type: 'http.response.start', status: file ? 200 : 404, headers });
  await send({ type: 'http.response.body', body });
};

/** One event a second, until the client leaves. A thousand of these cost a thousand timers, and no thread. */
async function ticks(receive: Receive, send: Send): Promise<void> {
  const left = new AbortController();
  void untilDisconnect(receive).then(() => left.abort());

  const headers = [
    ['content-type', 'text/event-stream'],
    ['cache-control', 'no-store'],
  ] as const;
  await send({ type: 'http.response.start', status: 200, headers });
  while (!left.signal.aborted) {
    const now = new Date();
    const event = `id: ${now.getTime()}\ndata: ${now.toISOString()}\n\n`;
    await send({ type: 'http.response.body', body: Buffer.from(event), more_body: true });
    await sleep(1000 - (Date.now() % 1000), undefined, { signal: left.signal }).catch(() => {}); // left: the loop ends
  }
}

async function untilDisconnect(receive: Receive): Promise<void> {
  while ((await receive()).type !== 'http.disconnect');
}
