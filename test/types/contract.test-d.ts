// What must not compile: each line below @ts-expect-error is a mistake that the types catch; `tsc -p .` runs this.
import type { AsyncApp, HttpScope, Receive, Scope, Send, WebSocketScope } from '../../src/async/interface.ts';
import { type Config, serve } from '../../src/index.ts';
import type { Environ, ResponseBody, StartResponse, SyncApp, Write } from '../../src/sync/interface.ts';

declare const environ: Environ;
declare const startResponse: StartResponse;
declare const scope: HttpScope;
declare const receive: Receive;
declare const send: Send;

const bytes = new Uint8Array();

export const syncApps: readonly SyncApp[] = [
  () => [],
  () => [bytes, Buffer.from('a Buffer is bytes')],
  (_environ, start) => {
    start('200 OK', [['content-type', 'text/plain']])(bytes);
    return [];
  },
  function* app(_environ, start) {
    start('204 No Content', []);
    yield bytes;
  },
  // @ts-expect-error a body is bytes, not text
  () => ['text'],
  // @ts-expect-error a string is no iterable of bytes
  () => 'text',
  // @ts-expect-error a sync app returns its body, not a promise of it
  async () => [bytes],
  // @ts-expect-error an app always returns an iterable
  () => {},
  // @ts-expect-error an async generator cannot be iterated by a sync server
  async function* app() {
    yield bytes;
  },
  // @ts-expect-error three parameters are those of an async app
  (_scope, _receive, _send) => [],
];

export function status(): void {
  startResponse('200 OK', []);
  startResponse('500 Internal Server Error', [], new Error('exc_info'));
  // @ts-expect-error a status is its number, a space and a reason
  startResponse('OK', []);
  // @ts-expect-error and not the number alone
  startResponse(200, []);
  // @ts-expect-error headers are pairs
  startResponse('200 OK', { 'content-type': 'text/plain' });
  // @ts-expect-error of strings
  startResponse('200 OK', [['content-length', 5]]);
  // @ts-expect-error exc_info is one Error
  startResponse('200 OK', [], ['TypeError', 'message', null]);
  const write: Write = startResponse('200 OK', []);
  // @ts-expect-error write takes bytes
  write('text');
}

export function environment(): void {
  environ.HTTP_COOKIE?.split(';');
  environ['wsgi.input'].read(10).length;
  // @ts-expect-error a size is a number
  environ['wsgi.input'].read('10');
  // @ts-expect-error the streams are the server's to close
  environ['wsgi.input'].close();
  // @ts-expect-error wsgi.errors takes text
  environ['wsgi.errors'].write(bytes);
  environ['my.framework'] = { anything: 1 };
  // @ts-expect-error CGI names are upper case
  environ.path;
  // @ts-expect-error a variable may be missing
  environ.HTTP_COOKIE.split(';');
  // @ts-expect-error CGI variables hold strings
  environ.SERVER_PORT = 80;
  // @ts-expect-error an extension's type is not known
  environ['my.framework'].anything;
  // @ts-expect-error reading blocks: there is nothing to await on
  environ['wsgi.input'].read().then(() => {});
}

export const asyncApps: readonly AsyncApp[] = [
  async () => {},
  async (one, _receive, reply) => {
    if (one.type !== 'http') return;
    await reply({ type: 'http.response.start', status: 200, headers: [['a', 'b']] });
    await reply({ type: 'http.response.body', body: bytes });
  },
  // @ts-expect-error an async app is awaited
  () => {},
  // @ts-expect-error it answers by send, not by what it returns
  async () => [bytes],
  // @ts-expect-error two parameters of the sync contract
  (_environ: Environ, _start: StartResponse) => [bytes],
];

export async function sent(): Promise<void> {
  await send({ type: 'websocket.send', text: 'a' });
  // @ts-expect-error a status is a number
  await send({ type: 'http.response.start', status: '200 OK' });
  // @ts-expect-error a body is bytes
  await send({ type: 'http.response.body', body: 'text' });
  // @ts-expect-error keys keep the spec's spelling
  await send({ type: 'http.response.body', moreBody: true });
  // @ts-expect-error there is no such event
  await send({ type: 'http.response.head', status: 200 });
  // @ts-expect-error what is received is not sent
  await send({ type: 'http.request', body: bytes, more_body: false });
  // @ts-expect-error a message is text or bytes
  await send({ type: 'websocket.send', text: 'a', bytes });
  // @ts-expect-error and one of them
  await send({ type: 'websocket.send' });
}

export async function received(): Promise<void> {
  const event = await receive();
  // @ts-expect-error which event it is has to be asked first
  event.body.length;
  if (event.type === 'http.request') event.body.length;
  // @ts-expect-error a receive for every protocol is none for HTTP alone
  const http: Receive<'http'> = receive;
  await http();
}

export function scopes(any: Scope, socket: WebSocketScope): void {
  // @ts-expect-error a lifespan has no path
  any.path;
  if (any.type === 'http') any.path.startsWith('/');
  // @ts-expect-error a scope is read-only
  scope.path = '/elsewhere';
  // @ts-expect-error a web socket has no method
  socket.method;
  // @ts-expect-error client may be null
  scope.client[0];
  // @ts-expect-error keys keep the spec's spelling
  scope.rawPath;
}

export async function served(): Promise<void> {
  await serve('app.ts:app', { bind: ':0', threads: 2, grace: 5000 });
  await serve(((_environ, start) => {
    start('200 OK', []);
    return [bytes];
  }) satisfies SyncApp);
  await serve(async (one, _receive, reply) => {
    if (one.type === 'http') await reply({ type: 'http.response.start', status: 200 });
  });
  // @ts-expect-error there is no such setting
  await serve('app.ts:app', { thread: 2 });
  // @ts-expect-error one of auto, sync, async
  await serve('app.ts:app', { server: 'wsgi' });
  // @ts-expect-error in code a time is milliseconds
  await serve('app.ts:app', { grace: '5s' });
  // @ts-expect-error an app is a function or a reference
  await serve({ fetch() {} });
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The settings table makes these types. */
export const settings: readonly true[] = [
  true satisfies Same<Config['bind'], string | undefined>,
  true satisfies Same<Config['threads'], number | undefined>,
  true satisfies Same<Config['accessLog'], boolean | undefined>,
  true satisfies Same<Config['lifespan'], 'auto' | 'on' | 'off' | undefined>,
  true satisfies Same<ReturnType<SyncApp>, ResponseBody>,
];
