import { expect, test } from 'vitest';

import type { AsyncApp, ReceiveEvent, State } from '../../../src/async/interface.ts';
import { Lifespan } from '../../../src/async/lifespan.ts';
import { deferred } from '../../../src/core/deferred.ts';
import { Recorder } from '../../support/recorder.ts';

/** An app that speaks lifespan, by steps that a test may replace. */
function speaker(heard: string[] = [], state: State = {}): AsyncApp {
  return async (scope, receive, send) => {
    Object.assign('state' in scope ? scope.state : {}, state);
    for (;;) {
      const event: ReceiveEvent = await receive();
      heard.push(event.type);
      if (event.type === 'lifespan.startup') await send({ type: 'lifespan.startup.complete' });
      if (event.type === 'lifespan.shutdown') {
        await send({ type: 'lifespan.shutdown.complete' });
        return;
      }
    }
  };
}

const thrower: AsyncApp = async (scope) => {
  throw new Error(`no ${scope.type} here`);
};

test('[A-70] startup waits for lifespan.startup.complete, and gives the state', async () => {
  const gate = deferred();
  let started = false;
  const lifespan = new Lifespan(async (scope, receive, send) => {
    await receive();
    await gate.promise;
    if (scope.type === 'lifespan') scope.state['pool'] = 7;
    await send({ type: 'lifespan.startup.complete' });
    await receive();
    await send({ type: 'lifespan.shutdown.complete' });
  });
  const starting = lifespan.startup().then((state) => {
    started = true;
    return state;
  });
  await new Promise(setImmediate);
  expect(started).toBe(false);
  gate.resolve();
  expect(await starting).toEqual({ pool: 7 });
  await lifespan.shutdown();
});

test('[A-70] the scope is a lifespan scope with its own spec version', async () => {
  let seen: unknown;
  const lifespan = new Lifespan(async (scope, receive, send) => {
    seen = scope;
    await receive();
    await send({ type: 'lifespan.startup.complete' });
  });
  await lifespan.startup();
  expect(seen).toEqual({ type: 'lifespan', asgi: { version: '3.0', spec_version: '2.0' }, state: {} });
});

test('[A-71] lifespan.startup.failed refuses the start with its message, in auto too', async () => {
  const lifespan = new Lifespan(async (_scope, receive, send) => {
    await receive();
    await send({ type: 'lifespan.startup.failed', message: 'no database' });
  });
  await expect(lifespan.startup()).rejects.toMatchObject({
    code: 'APP_START',
    message: 'The app did not start: no database',
  });
  await lifespan.shutdown();
});

test('[A-72] auto: an app that throws on the scope is served without a lifespan', async () => {
  const log = new Recorder();
  const lifespan = new Lifespan(thrower, { log });
  expect(await lifespan.startup()).toEqual({});
  await lifespan.shutdown();
  expect(log.lines.map(({ level }) => level)).toEqual(['debug']);
});

test('[A-72] auto: an app that threw in its startup is served too, and the log says so aloud', async () => {
  const log = new Recorder();
  const lifespan = new Lifespan(
    async (_scope, receive) => {
      await receive();
      throw new Error('no database');
    },
    { log },
  );
  await lifespan.startup();
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { error: { message: 'no database' } } }]);
});

test('[A-72] auto: an app that returns at once is served without a lifespan', async () => {
  const lifespan = new Lifespan(async () => {});
  expect(await lifespan.startup()).toEqual({});
});

test('[A-72] on: an app that throws does not start', async () => {
  const lifespan = new Lifespan(thrower, { mode: 'on' });
  await expect(lifespan.startup()).rejects.toMatchObject({
    code: 'APP_START',
    message: 'The app did not start: no lifespan here',
  });
});

test('[A-72] on: an app that returns without an answer does not start', async () => {
  const lifespan = new Lifespan(async () => {}, { mode: 'on' });
  await expect(lifespan.startup()).rejects.toMatchObject({ code: 'APP_START' });
});

test('[A-72] off: the app is not called', async () => {
  let called = false;
  const lifespan = new Lifespan(
    async () => {
      called = true;
    },
    { mode: 'off' },
  );
  await lifespan.startup();
  await lifespan.shutdown();
  expect(called).toBe(false);
});

test('[A-73] shutdown sends lifespan.shutdown once, and waits for the answer', async () => {
  const heard: string[] = [];
  const lifespan = new Lifespan(speaker(heard));
  await lifespan.startup();
  await Promise.all([lifespan.shutdown(), lifespan.shutdown()]);
  expect(heard).toEqual(['lifespan.startup', 'lifespan.shutdown']);
});

test('[A-73] an app that hangs at shutdown is left behind', async () => {
  const log = new Recorder();
  const lifespan = new Lifespan(
    async (_scope, receive, send) => {
      await receive();
      await send({ type: 'lifespan.startup.complete' });
      await receive();
      await new Promise(() => {});
    },
    { log, shutdownTimeout: 20 },
  );
  await lifespan.startup();
  await lifespan.shutdown();
  expect(log.lines).toMatchObject([{ level: 'error', message: expect.stringContaining('within 20 ms') }]);
});

test('[A-73] lifespan.shutdown.failed is logged with its message', async () => {
  const log = new Recorder();
  const lifespan = new Lifespan(
    async (_scope, receive, send) => {
      await receive();
      await send({ type: 'lifespan.startup.complete' });
      await receive();
      await send({ type: 'lifespan.shutdown.failed', message: 'lost a file' });
    },
    { log },
  );
  await lifespan.startup();
  await lifespan.shutdown();
  expect(log.lines).toMatchObject([{ level: 'error', message: 'The app failed to shut down: lost a file' }]);
});

test('an app that does not start in time is refused', async () => {
  const lifespan = new Lifespan(() => new Promise(() => {}), { startupTimeout: 20 });
  await expect(lifespan.startup()).rejects.toMatchObject({
    code: 'APP_START',
    message: expect.stringContaining('within 20 ms'),
  });
  await lifespan.shutdown();
});

test('an error after the start is logged, and the shutdown does not wait for that app', async () => {
  const log = new Recorder();
  const end = deferred();
  const lifespan = new Lifespan(
    async (_scope, receive, send) => {
      await receive();
      await send({ type: 'lifespan.startup.complete' });
      await end.promise;
      throw new Error('late');
    },
    { log },
  );
  await lifespan.startup();
  end.resolve();
  await new Promise(setImmediate);
  await lifespan.shutdown();
  expect(log.lines).toMatchObject([{ level: 'error', fields: { error: { message: 'late' } } }]);
});

test('[A-06] a malformed event is refused on the line that sent it', async () => {
  const lifespan = new Lifespan(
    async (_scope, receive, send) => {
      await receive();
      // What an app without types may send.
      await send({ type: 'lifespan.startup.complet' } as never);
    },
    { mode: 'on' },
  );
  await expect(lifespan.startup()).rejects.toMatchObject({ cause: { clause: 'A-06' } });
});

test('[A-73] lifespan.shutdown.complete before lifespan.shutdown is refused', async () => {
  const log = new Recorder();
  const lifespan = new Lifespan(
    async (_scope, receive, send) => {
      await receive();
      await send({ type: 'lifespan.startup.complete' });
      await send({ type: 'lifespan.shutdown.complete' });
    },
    { log },
  );
  await lifespan.startup();
  await lifespan.shutdown();
  expect(log.lines).toMatchObject([{ level: 'error', fields: { error: { clause: 'A-73' } } }]);
});
