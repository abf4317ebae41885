// Gives the body back: whole, or (mode `stream`) piece by piece as it comes.
import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { askedOf } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  startResponse('200 OK', [['content-type', 'application/octet-stream']]);
  const input = environ['wsgi.input'];
  return askedOf(environ).mode === 'stream' ? pieces(environ) : [input.read()];
};

function* pieces(environ: Environ): Generator<Uint8Array> {
  const size = Number(askedOf(environ).query.get('size') ?? 65536);
  for (;;) {
    const piece = environ['wsgi.input'].read(size);
    if (piece.length === 0) return;
    yield piece;
  }
}

export async function async(scope: Scope, receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const whole = askedOf(scope).mode !== 'stream';
  const kept: Uint8Array[] = [];
  await send({
    type: 'http.response.start',
    status: 200,
    headers: [['content-type', 'application/octet-stream']],
  });
  for (;;) {
    const event = await receive();
    if (event.type !== 'http.request') return;
    if (whole) kept.push(event.body);
    else if (event.body.length > 0)
      await send({ type: 'http.response.body', body: event.body, more_body: true });
    if (!event.more_body) break;
  }
  await send({ type: 'http.response.body', body: Buffer.concat(kept) });
}
