// Fastify 5.
import { Readable } from 'node:stream';

import fastify from 'fastify';

import { chunk, chunks, hello } from './parts.js';

const app = fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.get('/', (_request, reply) => reply.type('text/plain').send(hello));
app.post('/', (request, reply) => reply.type('application/octet-stream').send(request.body));
app.post('/upload', { bodyLimit: 2 ** 21 }, (request, reply) =>
  reply.type('text/plain').send(String(request.body.length)),
);
app.get('/stream', (_request, reply) => {
  let sent = 0;
  // read() rather than Readable.from(): no iterator in between
  const body = new Readable({
    read() {
      this.push(sent < chunks ? chunk : null);
      sent += 1;
    },
  });
  return reply.type('application/octet-stream').send(body);
});
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
console.log('ready');
