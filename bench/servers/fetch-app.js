// One (Request) => Response, for the servers that take it.
import { chunk, chunks, hello } from './parts.js';

export async function fetch(request) {
  if (request.method === 'POST') {
    const body = await request.arrayBuffer();
    return new Response(body, { headers: { 'content-type': 'application/octet-stream' } });
  }
  if (new URL(request.url).pathname !== '/stream') {
    return new Response(hello, {
      headers: { 'content-type': 'text/plain', 'content-length': String(hello.length) },
    });
  }
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (sent === chunks) return controller.close();
      sent += 1;
      controller.enqueue(chunk);
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/octet-stream' } });
}
