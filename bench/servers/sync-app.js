// The sync app of the bench: the twin of async-app.js on environ and startResponse.
import { chunk, chunks, helloBytes } from './parts.js';

const text = [
  ['content-type', 'text/plain'],
  ['content-length', String(helloBytes.length)],
];
const octets = [['content-type', 'application/octet-stream']];

export function app(environ, startResponse) {
  if (environ.PATH_INFO === '/stream') {
    startResponse('200 OK', [...octets]);
    return stream();
  }
  if (environ.REQUEST_METHOD === 'POST') {
    const body = environ['wsgi.input'].read();
    startResponse('200 OK', [...octets, ['content-length', String(body.length)]]);
    return [body];
  }
  startResponse('200 OK', [...text]);
  return [helloBytes];
}

function* stream() {
  for (let sent = 0; sent < chunks; sent += 1) yield chunk;
}
