// Streams an answer that waits at a gate half way: what was sent before must have arrived, or nobody opens the gate.
import { setTimeout as delay } from 'node:timers/promises';

import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { block, gate, gateSync, note } from '../../support/report.ts';
import { askedOf, bytesOf, plain } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const { mode, query, report } = askedOf(environ);
  const write = startResponse('200 OK', [...plain]);
  if (mode === 'silent') return silent();
  if (mode === 'write') {
    write(bytesOf('one,'));
    write(bytesOf(`two ${gateSync(report, 'one') ? 'on time' : 'late'},`));
    return [bytesOf('three')];
  }
  if (mode === 'count') return count(Number(query.get('count') ?? 10));
  return gated(report);
};

function* gated(report: string): Generator<Uint8Array> {
  yield bytesOf('one,');
  note(report, 'asked');
  yield bytesOf(gateSync(report, 'one') ? 'two on time,' : 'two late,');
  yield bytesOf('three');
}

/** Nothing of it may be on the wire before the first piece that is not empty; that one says when it was made. */
function* silent(): Generator<Uint8Array> {
  block(60);
  yield new Uint8Array(0);
  block(60);
  yield bytesOf(`made at ${process.hrtime.bigint()}.`);
}

function* count(pieces: number): Generator<Uint8Array> {
  for (let index = 0; index < pieces; index += 1) yield bytesOf(`${index},`);
}

export async function async(scope: Scope, _receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { mode, query, report } = askedOf(scope);
  const body = (text: string, more = true) =>
    send({ type: 'http.response.body', body: bytesOf(text), more_body: more });
  await send({ type: 'http.response.start', status: 200, headers: plain });
  if (mode === 'silent') {
    await delay(120);
    await body(`made at ${process.hrtime.bigint()}.`, false);
    return;
  }
  if (mode === 'count') {
    const pieces = Number(query.get('count') ?? 10);
    for (let index = 0; index < pieces; index += 1) await body(`${index},`);
    await body('', false);
    return;
  }
  await body('one,');
  note(report, 'asked');
  await body((await gate(report, 'one')) ? 'two on time,' : 'two late,');
  await body('three', false);
}
