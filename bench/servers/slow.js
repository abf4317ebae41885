// For the slow clients: node slow.js PORT async | node:http TIMEOUT; short limits, and a large answer at /large.
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const [port, kind, text] = process.argv.slice(2);
const timeout = Number(text);
const bind = `127.0.0.1:${port}`;
const piece = Buffer.alloc(64 * 1024, 'x');
const pieces = 256;
const hello = Buffer.from('Hello, World!');

if (kind === 'node:http') {
  // what it has; a slow reader is a silent socket to it, and 0, no limit, is the default
  const options = {
    headersTimeout: timeout,
    requestTimeout: timeout,
    connectionsCheckingInterval: 500,
    keepAliveTimeout: 65_000,
  };
  const server = http.createServer(options, async (request, response) => {
    response.on('error', () => {});
    if (request.url !== '/large') return request.resume().on('end', () => response.end(hello));
    await pipeline(Readable.from(large()), response).catch(() => {});
  });
  server.setTimeout(timeout);
  server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
} else {
  const { AsyncServer } = await import('../../dist/async/server.js');
  const limits = {
    headTimeout: timeout,
    bodyGrace: timeout,
    sendTimeout: timeout,
    lingerTimeout: 1000,
  };
  const server = new AsyncServer(app, { lifespan: 'off', limits });
  await server.listen(bind);
  console.log('ready');
}

function* large() {
  for (let sent = 0; sent < pieces; sent += 1) yield piece;
}

async function app(scope, receive, send) {
  if (scope.path === '/large') {
    await send({ type: 'http.response.start', status: 200, headers: [] });
    for (let sent = 0; sent < pieces; sent += 1)
      await send({ type: 'http.response.body', body: piece, more_body: true });
    return send({ type: 'http.response.body' });
  }
  for (let more = true; more; ) {
    const event = await receive();
    if (event.type !== 'http.request') return;
    more = event.more_body;
  }
  await send({ type: 'http.response.start', status: 200, headers: [] });
  await send({ type: 'http.response.body', body: hello });
}
