// The async app of the bench: hello, echo and a stream on scope, receive and send.
import { chunk, chunks, helloBytes } from './parts.js';

const text = [
  ['content-type', 'text/plain'],
  ['content-length', String(helloBytes.length)],
];
const octets = [['content-type', 'application/octet-stream']];

export async function app(scope, receive, send) {
  if (scope.type !== 'http') throw new Error('http only');
  if (scope.path === '/stream') {
    await send({ type: 'http.response.start', status: 200, headers: octets });
    for (let sent = 0; sent < chunks; sent += 1) {
      await send({ type: 'http.response.body', body: chunk, more_body: true });
    }
    await send({ type: 'http.response.body' });
  } else if (scope.path === '/upload') {
    const body = Buffer.from(String(await count(receive)));
    const headers = [
      ['content-type', 'text/plain'],
      ['content-length', String(body.length)],
    ];
    await send({ type: 'http.response.start', status: 200, headers });
    await send({ type: 'http.response.body', body });
  } else if (scope.method === 'POST') {
    const body = await whole(receive);
    await send({
      type: 'http.response.start',
      status: 200,
      headers: [...octets, ['content-length', String(body.length)]],
    });
    await send({ type: 'http.response.body', body });
  } else {
    await send({ type: 'http.response.start', status: 200, headers: text });
    await send({ type: 'http.response.body', body: helloBytes });
  }
}

async function whole(receive) {
  const parts = [];
  for (;;) {
    const event = await receive();
    if (event.type !== 'http.request') throw new Error('The client left');
    if (event.body.length > 0) parts.push(event.body);
    if (!event.more_body) return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }
}

async function count(receive) {
  for (let sum = 0; ; ) {
    const event = await receive();
    if (event.type !== 'http.request') throw new Error('The client left');
    sum += event.body.length;
    if (!event.more_body) return sum;
  }
}
