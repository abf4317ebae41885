// Answers of every length: `status`, `length` (the Content-Length that it claims) and `pieces` (their sizes) of the query.
import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { gate, gateSync, note } from '../../support/report.ts';
import { type Asked, askedOf, plain } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const asked = askedOf(environ);
  const { mode, report } = asked;
  const write = startResponse(`${statusOf(asked)} As Asked`, headersOf(asked));
  const pieces = piecesOf(asked);
  if (mode === 'list') return pieces;
  if (mode !== 'write') return yielded(pieces, asked);
  for (const piece of pieces) {
    try {
      write(piece);
      note(report, 'piece');
      if (asked.query.has('paced')) gateSync(report, 'seen');
    } catch (error) {
      note(report, 'refused', { clause: Reflect.get(error as Error, 'clause') }); // write throws errors
      throw error;
    }
  }
  return [];
};

/** `paced`: the first piece has reached the client before the next is made. */
function* yielded(pieces: readonly Uint8Array[], { query, report }: Asked): Generator<Uint8Array> {
  try {
    for (const piece of pieces) {
      note(report, 'piece');
      yield piece;
      if (query.has('paced')) gateSync(report, 'seen');
    }
  } finally {
    note(report, 'close');
  }
}

export async function async(scope: Scope, _receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const asked = askedOf(scope);
  const { mode, report } = asked;
  try {
    await send({ type: 'http.response.start', status: statusOf(asked), headers: headersOf(asked) });
    const pieces = piecesOf(asked);
    if (mode === 'list' && pieces.length === 1) {
      await send({ type: 'http.response.body', body: pieces[0] ?? new Uint8Array(0) });
      return;
    }
    for (const body of pieces) {
      await send({ type: 'http.response.body', body, more_body: true });
      note(report, 'piece');
      if (asked.query.has('paced')) await gate(report, 'seen');
    }
    await send({ type: 'http.response.body' });
    note(report, 'ended');
  } catch (error) {
    note(report, 'refused', { clause: Reflect.get(error as Error, 'clause') }); // send throws errors
    throw error;
  }
}

function statusOf({ query }: Asked): number {
  return Number(query.get('status') ?? 200);
}

function headersOf({ query }: Asked): [string, string][] {
  const length = query.get('length');
  return [...plain, ...(length === null ? [] : [['content-length', length] as [string, string]])];
}

/** Each piece is filled with its number. */
function piecesOf({ query }: Asked): Uint8Array[] {
  const sizes = (query.get('pieces') ?? '').split(',').filter(Boolean).map(Number);
  return sizes.map((size, index) => Buffer.alloc(size, `${index}`));
}
