// An answer without an end, in pieces of 64 KiB; notes how many were taken off its hands, and that it was stopped.
import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { note } from '../../support/report.ts';
import { askedOf } from './asked.ts';

export const size = 65536;
const headers: [string, string][] = [['content-type', 'application/octet-stream']];
/** Noted each so many pieces: a note is a write to a file. */
const step = 8;

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const { mode, report } = askedOf(environ);
  const write = startResponse('200 OK', [...headers]);
  if (mode !== 'write') return pieces(report);
  for (const piece of pieces(report)) write(piece);
  return [];
};

function* pieces(report: string): Generator<Uint8Array> {
  let count = 0;
  try {
    for (;;) {
      yield new Uint8Array(size);
      count += 1;
      if (count % step === 0) note(report, 'taken', { count });
    }
  } finally {
    note(report, 'stopped', { count });
  }
}

export async function async(scope: Scope, _receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { report } = askedOf(scope);
  let count = 0;
  try {
    await send({ type: 'http.response.start', status: 200, headers });
    for (;;) {
      await send({ type: 'http.response.body', body: new Uint8Array(size), more_body: true });
      count += 1;
      if (count % step === 0) note(report, 'taken', { count });
    }
  } finally {
    note(report, 'stopped', { count });
  }
}
