// Takes `ms` milliseconds, blocking or waiting, and says who ran it.
import { setTimeout as delay } from 'node:timers/promises';

import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { block, note } from '../../support/report.ts';
import { askedOf, bytesOf, plain } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const { query, report } = askedOf(environ);
  note(report, 'entered');
  block(Number(query.get('ms') ?? 200));
  startResponse('200 OK', [...plain]);
  return [bytesOf(String(environ['dualgate.lane']))];
};

export async function async(scope: Scope, _receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { query, report } = askedOf(scope);
  note(report, 'entered');
  await delay(Number(query.get('ms') ?? 200));
  await send({ type: 'http.response.start', status: 200, headers: plain });
  const lane = scope.extensions['dualgate.lane']?.['name'];
  await send({ type: 'http.response.body', body: bytesOf(String(lane)) });
}
