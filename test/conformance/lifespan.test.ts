// The lifespan of an async app: before the first connection, after the last, and what it hands to each request.
import { createServer } from 'node:net';
import { afterEach } from 'vitest';

import { once, RawClient } from '../support/raw-client.ts';
import type { Life } from './apps/life.ts';
import { area, conformance } from './matrix.ts';

const host = 'host: gate.test';

function live(life: Life): void {
  process.env['DUALGATE_TEST_LIFE'] = JSON.stringify(life);
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

afterEach(() => {
  delete process.env['DUALGATE_TEST_LIFE'];
});

const alone = { alone: true };

area('lifespan', () => {
  conformance(
    'lifespan',
    'life',
    '[A-70] the server listens after startup, not before',
    async (context) => {
      const { expect, report, start } = context;
      live({ report: report.file, startup: 'gated' });
      const port = await freePort();
      const starting = start({ bind: `127.0.0.1:${port}`, threads: 1 });
      await report.first('lifespan.startup');
      const url = new URL(`http://127.0.0.1:${port}/`);
      await expect(RawClient.open(url)).rejects.toThrow('ECONNREFUSED');
      report.open('up');
      const server = await starting;
      expect((await once(server.url, ['GET /life/ HTTP/1.1', host])).status).toBe(200);
      expect(report.notes('scope')[0]?.['scope']).toMatchObject({
        type: 'lifespan',
        asgi: { version: '3.0', spec_version: '2.0' },
        state: {},
      });
    },
    alone,
  );

  for (const lifespan of ['auto', 'on'] as const) {
    conformance(
      'lifespan',
      'life',
      `[A-71] a failed startup ends the server (${lifespan})`,
      async (context) => {
        const { expect, report, start } = context;
        live({ report: report.file, startup: 'failed' });
        const starting = start({ lifespan, threads: 1 });
        await expect(starting).rejects.toMatchObject({
          code: 'APP_START',
          message: expect.stringContaining('no database'),
        });
      },
      alone,
    );
  }

  conformance(
    'lifespan',
    'life',
    '[A-72] an app that throws on the scope is served without (auto)',
    async (context) => {
      const { expect, report, start } = context;
      live({ report: report.file, startup: 'throw' });
      const server = await start({ lifespan: 'auto', threads: 1 });
      const answer = await once(server.url, ['GET /life/ HTTP/1.1', host]);
      expect(answer.text).toBe('{}');
      await server.close();
      expect(report.notes('lifespan.shutdown')).toEqual([]);
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-72] … and ends the server (on)',
    async ({ expect, report, start }) => {
      live({ report: report.file, startup: 'throw' });
      await expect(start({ lifespan: 'on', threads: 1 })).rejects.toMatchObject({
        code: 'APP_START',
        message: expect.stringContaining('secret-lifespan'),
      });
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-72] … and is never asked (off)',
    async ({ expect, report, start }) => {
      live({ report: report.file });
      const server = await start({ lifespan: 'off', threads: 1 });
      expect((await once(server.url, ['GET /life/ HTTP/1.1', host])).text).toBe('{}');
      await server.close();
      expect(report.notes('scope')).toEqual([]);
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-04] an app without a lifespan is served, and so is one that returns',
    async (context) => {
      const { expect, report, start } = context;
      live({ report: report.file, startup: 'return' });
      const server = await start({ lifespan: 'auto', threads: 1 });
      expect((await once(server.url, ['GET /life/ HTTP/1.1', host])).status).toBe(200);
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-29] state is a shallow copy, one a request',
    async (context) => {
      const { expect, report, start } = context;
      live({ report: report.file });
      const server = await start({ threads: 1 });
      const answers: unknown[] = [];
      for (const mode of ['first', 'second', 'third']) {
        answers.push(JSON.parse((await once(server.url, [`GET /life/${mode} HTTP/1.1`, host])).text));
      }
      // What is nested is shared, what a request sets is its own.
      expect(answers).toEqual([0, 1, 2].map((hits) => ({ name: 'theirs', hits })));
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-73] shutdown comes after the connections are closed',
    async (context) => {
      const { expect, report, start, path } = context;
      live({ report: report.file });
      const server = await start({ threads: 1 });
      const answer = once(server.url, [`GET ${path('gated')} HTTP/1.1`, host]);
      await report.first('entered');
      const closing = server.close(5000);
      await expect
        .poll(
          async () =>
            await RawClient.open(server.url).then(
              () => 'open',
              () => 'closed',
            ),
        )
        .toBe('closed');
      expect(report.notes('lifespan.shutdown')).toEqual([]);
      report.open('go');
      expect((await answer).status).toBe(200);
      await closing;
      const order = report.notes().map(({ what }) => what);
      expect(order.indexOf('lifespan.shutdown')).toBeGreaterThan(order.indexOf('answered'));
      expect(report.notes('lifespan.shutdown')).toHaveLength(1);
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-73] a shutdown that hangs has a deadline',
    async (context) => {
      const { expect, report, start } = context;
      live({ report: report.file, shutdown: 'hang' });
      const server = await start({ shutdownTimeout: 200, threads: 1 });
      const begun = performance.now();
      await server.close(100);
      expect(performance.now() - begun).toBeLessThan(3000);
      expect(report.notes('lifespan.shutdown')).toHaveLength(1);
      expect(server.log.troubles.map(({ message }) => message).join()).toMatch(/shut ?down/i);
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-73] a shutdown that fails is logged',
    async (context) => {
      const { expect, report, start } = context;
      live({ report: report.file, shutdown: 'failed' });
      const server = await start({ threads: 1 });
      await server.close(100);
      expect(server.log.text).toContain('cannot let go');
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[A-70] a startup that hangs has a deadline',
    async (context) => {
      const { expect, report, start, carrier } = context;
      live({ report: report.file, startup: 'hang' });
      const begun = performance.now();
      // A loop thread has a deadline of its own, which counts the time that loading the app takes too.
      const code = carrier.name === 'async' ? 'APP_START' : expect.stringMatching(/^(APP_START|TIMEOUT)$/);
      await expect(start({ startupTimeout: 300, threads: 1 })).rejects.toMatchObject({ code });
      expect(performance.now() - begun).toBeLessThan(4000);
    },
    alone,
  );

  conformance(
    'lifespan',
    'life',
    '[B-08] the lifespan runs once',
    async ({ expect, report, start }) => {
      live({ report: report.file });
      const server = await start({ threads: 2 });
      await Promise.all([1, 2, 3].map(() => once(server.url, ['GET /life/ HTTP/1.1', host])));
      await server.close();
      expect(report.notes('scope')).toHaveLength(1);
      expect(report.notes('lifespan.shutdown')).toHaveLength(1);
    },
    alone,
  );
});
