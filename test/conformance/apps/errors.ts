// Writes to wsgi.errors in its three ways; the async twin has no such stream and only answers.
import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { askedOf, bytesOf, plain } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const word = askedOf(environ).query.get('word') ?? '';
  const errors = environ['wsgi.errors'];
  errors.write(`${word}-one\n`);
  errors.writelines([`${word}-two\n`, `${word}-thr\u00e9\u20ac\n`]);
  errors.write(`${word}-unfinished`);
  errors.flush();
  startResponse('200 OK', [...plain]);
  return [bytesOf('written')];
};

export async function async(scope: Scope, _receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  await send({ type: 'http.response.start', status: 200, headers: plain });
  await send({ type: 'http.response.body', body: bytesOf('written') });
}
