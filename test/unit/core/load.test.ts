// 'app.ts:app' to what it exports, and what is said where it cannot be done.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { loadApp, parseRef } from '../../../src/core/load.ts';

const directory = fileURLToPath(new URL('./apps', import.meta.url));
const home = new URL('../../../', import.meta.url).href;
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

test('a class is no app, whoever loads it; nor is a factory that returns one', async () => {
  const why = 'is a class, an app is a function: export a bound method of an instance';
  await expect(load('stuck.ts:App')).rejects.toMatchObject({
    code: 'APP_LOAD',
    message: `Cannot load "stuck.ts:App": its export "App" ${why}`,
  });
  await expect(load('stuck.ts:makeClass', true)).rejects.toThrow('its factory "makeClass" returned a class');
});

test('a factory that never returns has a deadline, whatever else keeps the process alive', async () => {
  await expect(loadApp(source('stuck.ts:never', true), undefined, 20)).rejects.toMatchObject({
    code: 'APP_LOAD',
    message: 'Cannot load "stuck.ts:never": it took longer than 0.02 s',
  });
});

describe('what is said of a module that does not load', () => {
  const modules = [
    ['a missing package names who imports it', "import 'no-such-package';", / imported from \S+\/0\.mjs$/],
    ['what was thrown is no error', "throw 'oh dear';", /it threw "oh dear"$/],
    ['a syntax error', 'export const app = 1;\n\nconst b = ;', /SyntaxError: .* \(\S+\/2\.mjs:3\)$/],
    ['one in a dependency', "import './2.mjs';", /SyntaxError: .* \(\S+\/2\.mjs:3\)$/],
    ['an import of nothing', "\nimport { no } from './7.mjs';", /SyntaxError: .* \(\S+\/4\.mjs:2\)$/],
    ['an error of its own', '\n  throw new RangeError("far");', /RangeError: far \(\S+\/5\.mjs:2:9\)$/],
    ['one in CommonJS', "import './broken.cjs';", /SyntaxError: .* \(\S+\/broken\.cjs:2\)$/],
    ['nothing that is an app', 'export const it = 1;', /it has no export "default", it exports it$/],
  ] as const;
  const folder = mkdtempSync(join(tmpdir(), 'dualgate-load-'));
  let messages: readonly string[] = [];
  // in a Node of its own: the test runner has its own way of importing
  beforeAll(async () => {
    const refs = modules.map((_, at) => join(folder, `${at}.mjs`));
    modules.forEach(([, text], at) => {
      writeFileSync(join(folder, `${at}.mjs`), text);
    });
    writeFileSync(join(folder, 'broken.cjs'), 'var a;\nvar = 3;\n');
    const script = `import { register } from 'node:module';
register('${home}bin/hooks.js', { data: { source: true } });
// Node 20 reports a syntax error in CommonJS twice, to nobody as well
process.on('unhandledRejection', () => {});
const { loadApp, parseRef } = await import('${home}src/core/load.ts');
const said = ${JSON.stringify(refs)}.map((ref) => loadApp(parseRef(ref)).catch((error) => error.message));
console.log(JSON.stringify(await Promise.all(said)));`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 });
    messages = JSON.parse(stdout) as string[]; // what the script printed
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(modules.map(([title, , expected], at) => [title, expected, at] as const))(
    '%s',
    (_, expected, at) => {
      expect(messages[at]).toMatch(expected);
      expect(messages[at]).not.toMatch(/\/(bin|src|dist)\//);
    },
  );
});
