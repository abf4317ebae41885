// Hono on its own Node server.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

import { chunk, chunks, hello } from './parts.js';

const octets = { 'content-type': 'application/octet-stream' };

const app = new Hono();
app.get('/', (c) => c.body(hello, 200, { 'content-type': 'text/plain' }));
app.post('/', async (c) => c.body(await c.req.arrayBuffer(), 200, octets));
app.post('/upload', async (c) => {
  const { byteLength } = await c.req.arrayBuffer();
  return c.body(String(byteLength), 200, { 'content-type': 'text/plain' });
});
// a stream by itself: its streaming helper, on a TransformStream, takes longer
app.get('/stream', (c) => {
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (sent === chunks) return controller.close();
      sent += 1;
      controller.enqueue(chunk);
    },
  });
  return c.body(body, 200, octets);
});
serve({ fetch: app.fetch, port: Number(process.argv[2]), hostname: '127.0.0.1' }, () => console.log('ready'));
