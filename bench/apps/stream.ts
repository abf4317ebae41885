// Takes an upload and counts it, or gives a download of `mib` MiB: the same in both contracts, never more than a piece.
import type { Receive, Scope, Send } from '../../src/async/interface.ts';
import type { Environ, ResponseBody, StartResponse } from '../../src/sync/interface.ts';

const piece = 65536;
const headers: [string, string][] = [['content-type', 'application/octet-stream']];

export function sync(environ: Environ, startResponse: StartResponse): ResponseBody {
  startResponse('200 OK', [...headers]);
  if (environ.REQUEST_METHOD === 'GET') return download(piecesOf(environ.QUERY_STRING));
  let count = 0;
  for (;;) {
    const { length } = environ['wsgi.input'].read(piece);
    if (length === 0) return [Buffer.from(String(count))];
    count += length;
  }
}

function* download(pieces: number): Generator<Uint8Array> {
  for (let index = 0; index < pieces; index += 1) yield new Uint8Array(piece);
}

export async function async(scope: Scope, receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  await send({ type: 'http.response.start', status: 200, headers });
  if (scope.method === 'GET') {
    const pieces = piecesOf(scope.query_string);
    for (let index = 0; index < pieces; index += 1) {
      await send({ type: 'http.response.body', body: new Uint8Array(piece), more_body: true });
    }
    await send({ type: 'http.response.body' });
    return;
  }
  let count = 0;
  for (let more = true; more; ) {
    const event = await receive();
    if (event.type !== 'http.request') return;
    count += event.body.length;
    more = event.more_body;
  }
  await send({ type: 'http.response.body', body: Buffer.from(String(count)) });
}

function piecesOf(query: string): number {
  return (Number(new URLSearchParams(query).get('mib') ?? 1) * 2 ** 20) / piece;
}
