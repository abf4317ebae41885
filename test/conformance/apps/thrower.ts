// Fails in the way that the mode names, with a message that must reach the log and never the client.
import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { gate, gateSync, note } from '../../support/report.ts';
import { askedOf, bytesOf, plain } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const { mode, query, report } = askedOf(environ);
  const boom = new Error(`secret-${mode}`);
  if (mode === 'before') throw boom;
  if (mode === 'never') return [bytesOf('no head')];
  if (mode === 'never-empty') return [];
  if (mode === 'string') throw `secret-${mode}`;
  const write = startResponse('200 OK', [...plain, ['x-started', 'yes']]);
  if (mode === 'started') throw boom;
  // What a careless app does; the types forbid it.
  if (mode === 'nothing') return undefined as unknown as ResponseBody;
  if (mode === 'number') return 7 as unknown as ResponseBody;
  const seen = () => query.has('paced') && gateSync(report, 'seen');
  if (mode === 'written') {
    write(bytesOf('some'));
    seen();
    throw boom;
  }
  if (mode === 'text') return ['a string'] as unknown as ResponseBody;
  return closing(failing(mode, boom, seen), report, mode === 'close' ? boom : undefined);
};

/** `seen` waits until the client has got the first piece, where the test asks for that (`paced`). */
function* failing(mode: string, boom: Error, seen: () => void): Generator<Uint8Array> {
  if (mode === 'first') throw boom;
  yield bytesOf('some');
  seen();
  if (mode === 'after') throw boom;
}

/** The body with a close() that is noted, and may throw. */
function closing(body: Iterable<Uint8Array>, report: string, error?: Error): ResponseBody {
  return {
    [Symbol.iterator]: () => body[Symbol.iterator](),
    close() {
      note(report, 'close');
      if (error) throw error;
    },
  };
}

export async function async(scope: Scope, _receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { mode, query, report } = askedOf(scope);
  const boom = new Error(`secret-${mode}`);
  try {
    if (mode === 'before') throw boom;
    if (mode === 'never') return;
    if (mode === 'string') throw `secret-${mode}`;
    await send({ type: 'http.response.start', status: 200, headers: [...plain, ['x-started', 'yes']] });
    if (mode === 'started' || mode === 'first') throw boom;
    if (mode === 'only-start') return;
    await send({ type: 'http.response.body', body: bytesOf('some'), more_body: true });
    if (query.has('paced')) await gate(report, 'seen');
    if (mode === 'after') throw boom;
    if (mode === 'unfinished') return;
    await send({ type: 'http.response.body' });
    if (mode === 'close') throw boom;
  } finally {
    note(report, 'close');
  }
}
