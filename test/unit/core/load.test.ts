// 'app.ts:app' to what it exports, and what is said where it cannot be done.
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { loadApp, parseRef } from '../../../src/core/load.ts';

const directory = fileURLToPath(new URL('./apps', import.meta.url));
const source = (ref: string, factory = false) => parseRef(ref, { directory, factory });
const load = async (ref: string, factory = false, argument?: unknown) =>
  (await loadApp(source(ref, factory), argument)) as unknown as () => unknown;

test('a reference is a file and a name', () => {
  expect(source('greet.ts:app')).toMatchObject({ name: 'app', shown: 'greet.ts:app', factory: false });
  expect(source('greet.ts')).toMatchObject({ name: null });
  expect(source('greet:make').url).toMatch(/\/greet\.ts$/);
  expect(parseRef('file:///x/app.mjs#main')).toMatchObject({ url: 'file:///x/app.mjs', name: 'main' });
});

test('a reference that names nothing says what to write', () => {
  expect(() => source('greet.ts:not a name')).toThrow('is not the name of an export, as in app.ts:app');
  expect(() => source('nowhere.ts:app')).toThrow(/Cannot load "nowhere.ts:app": there is no file/);
  expect(() => parseRef('package.json')).toThrow('an app is a module that ends in .ts, .mts, .js, .mjs');
});

test('an export is found: by name, or app', async () => {
  expect((await load('greet.ts'))()).toBe('hello Ada');
  expect((await load('greet.ts:app'))()).toBe('hello Ada');
});

test('a factory is called with its argument, and may be async', async () => {
  expect(await (await load('greet.ts:make', true, 'oak'))()).toBe('made of oak');
  expect((await load('greet.ts:makeLater', true, 'ash'))()).toBe('made later of ash');
});

test('a missing export names those that are there', async () => {
  await expect(load('greet.ts:ap')).rejects.toThrow(
    /^Cannot load "greet.ts:ap": it has no export "ap", it exports .*app.*make/,
  );
});

test('an export that is no function, a factory that throws, a module that throws: one line each', async () => {
  await expect(load('greet.ts:answer')).rejects.toThrow(
    'its export "answer" is a number, an app is a function',
  );
  await expect(load('greet.ts:app', true)).rejects.toThrow(
    'its factory "app" returned a string, an app is a function',
  );
  const broken = await load('greet.ts:broken', true).catch((error: unknown) => error as Error);
  expect(broken).toMatchObject({ code: 'APP_LOAD', cause: { message: 'no database\nhere' } });
  expect(String(broken)).not.toContain('\n');
  await expect(load('throws.ts')).rejects.toMatchObject({
    code: 'APP_LOAD',
    message: expect.stringMatching(/it threw TypeError: the moon is not set/),
  });
});
