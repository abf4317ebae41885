// srvx on Node, with its FastResponse and FastURL, which spare what Node's own cost.
import { FastResponse, FastURL, serve } from 'srvx';

import { chunk, chunks, hello } from './parts.js';

const text = { headers: { 'content-type': 'text/plain' } };
const octets = { headers: { 'content-type': 'application/octet-stream' } };

async function fetch(request) {
  const { pathname } = new FastURL(request.url);
  if (pathname === '/upload') return new FastResponse(String((await request.arrayBuffer()).byteLength), text);
  if (request.method === 'POST') return new FastResponse(await request.arrayBuffer(), octets);
  if (pathname !== '/stream') return new FastResponse(hello, text);
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (sent === chunks) return controller.close();
      sent += 1;
      controller.enqueue(chunk);
    },
  });
  return new FastResponse(body, octets);
}

const server = serve({ fetch, port: Number(process.argv[2]), hostname: '127.0.0.1', silent: true });
await server.ready();
console.log('ready');
