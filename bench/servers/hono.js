// Hono on its own Node server.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { stream } from 'hono/streaming';

import { chunk, chunks, hello } from './parts.js';

const app = new Hono();
app.get('/', (c) => c.body(hello, 200, { 'content-type': 'text/plain' }));
app.post('/', async (c) =>
  c.body(await c.req.arrayBuffer(), 200, { 'content-type': 'application/octet-stream' }),
);
app.get('/stream', (c) => {
  c.header('content-type', 'application/octet-stream');
  return stream(c, async (out) => {
    for (let sent = 0; sent < chunks; sent += 1) await out.write(chunk);
  });
});
serve({ fetch: app.fetch, port: Number(process.argv[2]), hostname: '127.0.0.1' }, () => console.log('ready'));
