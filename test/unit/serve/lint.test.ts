// --lint and --environ by serve(): on every carrier of a sync app, and what is said where there is no lint.
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { serve } from '../../../src/index.ts';
import { Recorder } from '../../support/recorder.ts';

const at = (name: string): string =>
  `${fileURLToPath(new URL(`../../e2e/apps/${name}.ts`, import.meta.url))}:app`;
const quiet = { bind: '127.0.0.1:0', accessLog: false } as const;

test.each([
  ['sync', 0, 'sync inline'],
  ['sync', 1, 'sync threads (1)'],
  ['async', 0, 'async ← sync inline'],
  ['async', 1, 'async ← sync threads (1)'],
] as const)('lint on the %s server, %i threads: %s', async (server, threads, carrier) => {
  const log = new Recorder();
  const environ = { SITE: 'shop' };
  await using served = await serve(at('linted'), { ...quiet, log, server, threads, environ, lint: true });
  expect(served.carrier).toBe(carrier);
  const answers = await Promise.all(['', 'bad', 'tag'].map((path) => fetch(`${served.url}/${path}`)));
  expect(answers.map(({ status }) => status)).toEqual([200, 500, 200]);
  expect(await answers[0]?.text()).toBe('shop');
  await log.until('[V-22]');
  const { message } = await log.until('[V-31]');
  expect(message).toMatch(/^Lint: The ETag is "abc".*linted\.ts:\d+:\d+\) \[V-31\]$/);
  expect(log.text).toMatch(/There is no Content-Type on "200 OK".*linted\.ts:\d+:\d+\) \[V-22\]/);
});

test('without it, the same app is served as it is', async () => {
  const log = new Recorder();
  await using served = await serve(at('linted'), { ...quiet, log, threads: 1 });
  expect((await fetch(`${served.url}/bad`)).status).toBe(200);
  expect(log.troubles).toEqual([]);
});

test('there is none for an async app yet, and that is said', async () => {
  await expect(serve(at('hello-async'), { ...quiet, lint: true, logLevel: 'silent' })).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(/^Cannot lint ".*hello-async.ts:app": it is an async app/),
  });
});
