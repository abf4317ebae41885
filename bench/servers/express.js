// Express 5, as its guide has it, without its X-Powered-By and ETag.
import express from 'express';

import { chunk, chunks, hello } from './parts.js';

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.get('/', (_request, response) => {
  response.type('text/plain').send(hello);
});
app.post('/upload', (request, response) => {
  let count = 0;
  request.on('data', (part) => {
    count += part.length;
  });
  request.on('end', () => response.type('text/plain').send(String(count)));
});
app.post('/', express.raw({ type: () => true, limit: '1mb' }), (request, response) => {
  response.type('application/octet-stream').send(request.body);
});
app.get('/stream', async (_request, response) => {
  response.type('application/octet-stream');
  for (let sent = 0; sent < chunks; sent += 1) {
    if (!response.write(chunk)) await new Promise((go) => response.once('drain', go));
  }
  response.end();
});
app.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
