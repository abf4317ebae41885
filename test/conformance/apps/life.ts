// An app with a lifespan, told by the variable DUALGATE_TEST_LIFE (JSON) what to do; its sync twin has none.
import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { gate, note } from '../../support/report.ts';
import { askedOf, encode, json } from './asked.ts';

export interface Life {
  readonly report: string;
  readonly startup?: 'complete' | 'failed' | 'throw' | 'return' | 'gated' | 'hang';
  readonly shutdown?: 'complete' | 'failed' | 'throw' | 'hang';
}

export const sync: SyncApp = (_environ: Environ, startResponse: StartResponse) => {
  startResponse('200 OK', [...json]);
  return [encode({})];
};

export async function async(scope: Scope, receive: Receive, send: Send): Promise<void> {
  // The test puts a Life there before it starts the server; a thread has a copy.
  const life = JSON.parse(process.env['DUALGATE_TEST_LIFE'] ?? '{"report":""}') as Life;
  if (scope.type === 'lifespan') return await live(life, scope, receive, send);
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { mode, report } = askedOf(scope);
  const state = scope.state as { hits?: { count: number }; mine?: string };
  const before = { ...state, hits: state.hits?.count };
  if (state.hits) state.hits.count += 1;
  state.mine = mode;
  note(report, 'entered');
  if (mode === 'gated') await gate(report, 'go');
  await send({ type: 'http.response.start', status: 200, headers: json });
  await send({ type: 'http.response.body', body: encode(before) });
  note(life.report, 'answered');
}

async function live(life: Life, scope: Scope<'lifespan'>, receive: Receive, send: Send): Promise<void> {
  const { startup = 'complete', shutdown = 'complete', report } = life;
  note(report, 'scope', { scope });
  if (startup === 'throw') throw new Error('secret-lifespan');
  note(report, (await receive()).type);
  if (startup === 'return') return;
  if (startup === 'hang') return await new Promise<void>(() => {});
  if (startup === 'failed') return await send({ type: 'lifespan.startup.failed', message: 'no database' });
  if (startup === 'gated') await gate(report, 'up', 10_000);
  scope.state['hits'] = { count: 0 };
  scope.state['name'] = 'theirs';
  await send({ type: 'lifespan.startup.complete' });
  note(report, (await receive()).type);
  if (shutdown === 'hang') return await new Promise<void>(() => {});
  if (shutdown === 'throw') throw new Error('secret-shutdown');
  if (shutdown === 'failed')
    return await send({ type: 'lifespan.shutdown.failed', message: 'cannot let go' });
  await send({ type: 'lifespan.shutdown.complete' });
}
