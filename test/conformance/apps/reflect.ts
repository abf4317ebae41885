// Answers with its own environ or scope as JSON; the mode `mutate` spoils it first.
import type { HttpScope, Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { askedOf, encode, json } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const seen = encode(seenBy(environ));
  if (askedOf(environ).mode === 'mutate') {
    environ['MUTATED'] = 'yes';
    environ['HTTP_HOST'] = 'changed';
    environ['test.mutated'] = { deep: true };
    Reflect.set(environ['wsgi.version'], 0, 99);
  }
  startResponse('200 OK', [...json]);
  return [seen];
};

export async function async(scope: Scope, _receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const seen = encode({ ...scope, prototype: Object.getPrototypeOf(scope) === Object.prototype });
  if (askedOf(scope).mode === 'mutate') spoil(scope);
  await send({ type: 'http.response.start', status: 200, headers: json });
  await send({ type: 'http.response.body', body: seen });
}

/** Keys without their streams, which are named by what can be called on them. */
function seenBy(environ: Environ): Record<string, unknown> {
  const input = environ['wsgi.input'];
  const errors = environ['wsgi.errors'];
  return {
    ...Object.fromEntries(Object.entries(environ).filter(([, value]) => typeof value !== 'function')),
    prototype: Object.getPrototypeOf(environ) === Object.prototype,
    'wsgi.input': [input.read, input.readline, input.readlines, input[Symbol.iterator]].map(typeOf),
    'wsgi.errors': [errors.write, errors.writelines, errors.flush].map(typeOf),
  };
}

function typeOf(value: unknown): string {
  return typeof value;
}

/** An app is not to do this (the types say so); what it does must not reach the next request. */
function spoil(scope: HttpScope): void {
  Reflect.set(scope, 'mutated', true);
  Reflect.set(scope.asgi, 'version', 'changed');
  Reflect.set(scope.state, 'mutated', true);
  Reflect.set(scope.extensions, 'mutated', {});
  Reflect.set(scope.headers, 0, ['host', 'changed']);
}
