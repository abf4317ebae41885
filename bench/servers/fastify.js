// Fastify 5.
import { Readable } from 'node:stream';

import fastify from 'fastify';

import { chunk, chunks, hello } from './parts.js';

const app = fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.get('/', (_request, reply) => reply.type('text/plain').send(hello));
app.post('/', (request, reply) => reply.type('application/octet-stream').send(request.body));
app.get('/stream', (_request, reply) => {
  function* body() {
    for (let sent = 0; sent < chunks; sent += 1) yield chunk;
  }
  return reply.type('application/octet-stream').send(Readable.from(body(), { objectMode: false }));
});
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
console.log('ready');
