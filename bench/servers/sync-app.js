// The sync app of the bench: the twin of async-app.js on environ and startResponse.
import { chunk, chunks, helloBytes, nap } from './parts.js';

const text = [
  ['content-type', 'text/plain'],
  ['content-length', String(helloBytes.length)],
];
const octets = [['content-type', 'application/octet-stream']];

const bed = new Int32Array(new SharedArrayBuffer(4));

export function app(environ, startResponse) {
  if (environ.PATH_INFO === '/stream') {
    startResponse('200 OK', [...octets]);
    return stream();
  }
  if (environ.PATH_INFO === '/upload') return upload(environ['wsgi.input'], startResponse);
  if (environ.REQUEST_METHOD === 'POST') {
    const body = environ['wsgi.input'].read();
    startResponse('200 OK', [...octets, ['content-length', String(body.length)]]);
    return [body];
  }
  if (environ.PATH_INFO === '/sleep') Atomics.wait(bed, 0, 0, nap);
  startResponse('200 OK', [...text]);
  return [helloBytes];
}

function upload(input, startResponse) {
  let count = 0;
  for (let size = 1; size > 0; count += size) size = input.read(65536).length;
  const body = Buffer.from(String(count));
  startResponse('200 OK', [
    ['content-type', 'text/plain'],
    ['content-length', String(body.length)],
  ]);
  return [body];
}

function* stream() {
  for (let sent = 0; sent < chunks; sent += 1) yield chunk;
}
