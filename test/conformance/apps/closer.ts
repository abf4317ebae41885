// Notes how its answer ends: close() in a sync app, the end of the call in an async one.
import { setTimeout as delay } from 'node:timers/promises';

import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { block, gateSync, note } from '../../support/report.ts';
import { askedOf, bytesOf, plain } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const { mode, report } = askedOf(environ);
  const length: [string, string][] = mode === 'overrun' ? [['content-length', '4']] : [];
  startResponse('200 OK', [...plain, ...length]);
  if (mode === 'generator') return generator(report);
  const iterator = pieces(mode, report)[Symbol.iterator]();
  return {
    [Symbol.iterator]: () => iterator,
    close() {
      note(report, 'close', { mode });
    },
  };
};

function* pieces(mode: string, report: string): Generator<Uint8Array> {
  if (mode === 'empty') return;
  if (mode === 'ticking') yield* ticking(report);
  if (mode === 'stuck') yield* stuck();
  for (let index = 0; index < (mode === 'gone' ? 1e9 : 3); index += 1) {
    if (mode === 'throws' && index === 1) throw new Error('secret-closer');
    yield mode === 'gone' ? new Uint8Array(65536) : bytesOf('some');
  }
}

/** A small piece every 10 ms: the client is gone long before any buffer is full. */
function* ticking(report: string): Generator<Uint8Array> {
  for (let index = 0; index < 1000; index += 1) {
    yield bytesOf('tick\n');
    if (index === 0) gateSync(report, 'gone');
    block(10);
  }
  note(report, 'never noticed');
}

/** Begins, and holds its thread. */
function* stuck(): Generator<Uint8Array> {
  yield bytesOf('tick\n');
  block(60_000);
}

function* generator(report: string): ResponseBody & Generator<Uint8Array> {
  try {
    for (;;) yield new Uint8Array(65536);
  } finally {
    note(report, 'close', { mode: 'generator' });
  }
}

export async function async(scope: Scope, receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { mode, report } = askedOf(scope);
  try {
    await send({ type: 'http.response.start', status: 200, headers: plain });
    if (mode === 'waiting') {
      await send({ type: 'http.response.body', body: bytesOf('tick\n'), more_body: true });
      const events = [await receive(), await receive(), await receive()];
      note(report, 'received', { types: events.map((event) => event.type) });
      return;
    }
    if (mode === 'stuck') {
      await send({ type: 'http.response.body', body: bytesOf('tick\n'), more_body: true });
      await delay(60_000, undefined, { ref: false });
    }
    if (mode === 'ticking') {
      for (;;) {
        await send({ type: 'http.response.body', body: bytesOf('tick\n'), more_body: true });
        await delay(10);
      }
    }
    for (let index = 0; index < (mode === 'gone' ? 1e9 : 3); index += 1) {
      const body = mode === 'gone' ? new Uint8Array(65536) : bytesOf('some');
      await send({ type: 'http.response.body', body, more_body: true });
    }
    await send({ type: 'http.response.body' });
  } catch (error) {
    note(report, 'threw', { name: (error as Error).name, code: Reflect.get(error as Error, 'code') }); // send throws errors
    throw error;
  } finally {
    note(report, 'close', { mode });
  }
}
