// The package as it is installed: built by tsc, run from dist, by Node alone.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dualgate-build-'));
  const installed = join(folder, 'node_modules/dualgate');
  mkdirSync(installed, { recursive: true });
  execFileSync(
    process.execPath,
    [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      'tsconfig.build.json',
      '--outDir',
      join(installed, 'dist'),
    ],
    { cwd: root },
  );
  cpSync(join(root, 'src/lab/page'), join(installed, 'dist/lab/page'), { recursive: true });
  cpSync(join(root, 'bin'), join(installed, 'bin'), { recursive: true });
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: object;
  };
  for (const name of [...Object.keys(dependencies), 'tsx']) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  [
    'JavaScript, sync',
    'app.mjs',
    `export const app = (environ, startResponse) => { startResponse('200 OK', []); return [Buffer.from('sync ' + environ['dualgate.lane'])]; };`,
    'sync thread',
  ],
  [
    'TypeScript, sync',
    'app.ts',
    `import type { SyncApp } from 'dualgate/sync';\nenum E { A = 'sync' }\nexport const app: SyncApp = (environ, startResponse) => { startResponse('200 OK', []); return [Buffer.from(E.A + ' ' + String(environ['dualgate.lane']))]; };`,
    'sync thread',
  ],
  [
    'TypeScript, async',
    'later.ts',
    `import type { AsyncApp } from 'dualgate/async';\nexport const app: AsyncApp = async (scope, receive, send) => { if (scope.type !== 'http') throw new Error('http only'); await send({ type: 'http.response.start', status: 200 }); await send({ type: 'http.response.body', body: Buffer.from('async') }); };`,
    'async',
  ],
])('an installed package serves an app in %s', async (_, file, text, start) => {
  writeFileSync(join(folder, file), text);
  const bin = join(folder, 'node_modules/dualgate/bin/dualgate.js');
  const { DUALGATE_SOURCE: _unset, ...env } = process.env;
  const child = spawn(process.execPath, [bin, 'serve', `${file}:app`, '-b', '127.0.0.1:0'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const url = await listening(child);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(new RegExp(`^${start}`));
  } finally {
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  }
});

async function listening(child: ChildProcess): Promise<string> {
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  if (!child.stdout) throw new Error('The child has no stdout');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^Listening on (http:\S+)$/.exec(line)?.[1];
    if (url) return url;
  }
  throw new Error(`It ended without listening: ${errors}`);
}
