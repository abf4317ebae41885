// Raw node:http: the floor of every Node framework, and the measure of this bench.
import http from 'node:http';

import { chunk, chunks, hello } from './parts.js';

const server = http.createServer((request, response) => {
  if (request.url === '/stream') {
    stream(response);
  } else if (request.url === '/upload') {
    let count = 0;
    request.on('data', (part) => {
      count += part.length;
    });
    request.on('end', () => {
      const text = String(count);
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': text.length });
      response.end(text);
    });
  } else if (request.method === 'POST') {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const body = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length });
      response.end(body);
    });
  } else {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': hello.length });
    response.end(hello);
  }
});
// for idle connections, which it would close after 5 s
if (process.argv[3]) server.keepAliveTimeout = Number(process.argv[3]);
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));

async function stream(response) {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  for (let sent = 0; sent < chunks; sent += 1) {
    if (!response.write(chunk)) await new Promise((go) => response.once('drain', go));
  }
  response.end();
}
