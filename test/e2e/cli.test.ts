// The command, as real processes: four combinations, stopping, errors in one line, help.
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { table } from '../../src/serve/settings.ts';
import { Command } from './process.ts';

const sync = 'test/e2e/apps/hello-sync.ts:app';
const waiting = 'test/e2e/apps/waiting.ts:app';
const quick = ['-b', '127.0.0.1:0', '--log-format', 'text'];

describe('an app on a server', () => {
  test.each([
    ['sync', 'sync', /^thread [1-4]$/, 'sync threads (4)'],
    ['sync', 'async', /^thread [1-4]$/, 'async ← sync threads (4)'],
    ['async', 'async', /^loop$/, 'async'],
    ['async', 'sync', /^loop thread$/, 'sync threads (4) ← async'],
  ])(
    '%s on %s: the same bytes, run by the right one, in this process',
    async (kind, server, lane, carrier) => {
      const ref = `test/e2e/apps/hello-${kind}.ts:app`;
      await using command = new Command(['serve', ref, '--server', server, ...quick]);
      const url = await command.listening();
      const response = await fetch(`${url}/path`);
      expect(await response.text()).toBe('Hello from WSGI! You requested: /path');
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain']);
      expect(response.headers.get('x-lane')).toMatch(lane);
      expect(response.headers.get('x-pid')).toBe(String(command.pid));
      const takes = kind === 'sync' ? '(environ, startResponse)' : '(scope, _receive, send)';
      expect(command.stderr).toContain(
        `${ref} is ${kind === 'sync' ? 'a sync' : 'an async'} app ${takes}; carried by ${carrier}\n`,
      );
      command.kill('SIGTERM');
      expect(await command.exit()).toBe(0);
    },
  );

  test('--threads 0: a sync app on the loop, an async one on the sync server inline', async () => {
    await using inline = new Command(['serve', sync, '--threads', '0', ...quick]);
    await using bridged = new Command([
      'serve',
      'test/e2e/apps/hello-async.ts',
      '--server=sync',
      '--threads=0',
      ...quick,
    ]);
    const lanes = [inline, bridged].map(async (command) => {
      const response = await fetch(`${await command.listening()}/`);
      expect(await response.text()).toBe('Hello from WSGI! You requested: /');
      return response.headers.get('x-lane');
    });
    expect(await Promise.all(lanes)).toEqual(['loop', 'loop thread']);
  });

  test('a factory, variables, and --interface without a look', async () => {
    const env = {
      DUALGATE_BIND: '127.0.0.1:0',
      DUALGATE_THREADS: '1',
      DUALGATE_LOG_FORMAT: 'text',
      DUALGATE_FACTORY: 'on',
    };
    await using command = new Command(['serve', 'test/e2e/apps/odd.ts:make', '--interface', 'sync'], { env });
    const response = await fetch(`${await command.listening()}/made`);
    expect(await response.text()).toBe('Hello from WSGI! You requested: /made');
    expect(command.stderr).toContain('is a sync app (--interface says so); carried by sync threads (1)\n');
  });

  test('an access line a request, and none with --no-access-log', async () => {
    await using loud = new Command(['serve', sync, ...quick]);
    await using still = new Command(['serve', sync, '--no-access-log', ...quick]);
    for (const command of [loud, still]) {
      await (await fetch(`${await command.listening()}/a?b=1`)).text();
      command.kill('SIGTERM');
      expect(await command.exit()).toBe(0);
    }
    const lines = loud.stdout.split('\n').slice(1, -1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/a\?b=1 HTTP\/1\.1" 200 \d+ \d+\.\dms "thread \d"$/,
    );
    expect(still.stdout.split('\n')).toHaveLength(2);
  });
});

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: the request in flight finishes, the app is shut down, exit 0',
    async (signal) => {
      await using command = new Command(['serve', waiting, ...quick]);
      const response = await fetch(`${await command.listening()}/wait`);
      command.kill(signal);
      await command.said('stderr', new RegExp(`${signal}: stopping`));
      expect(await response.text()).toBe('begun finished');
      expect(await command.exit()).toBe(0);
      expect(command.stderr).toContain('the app was shut down');
    },
  );

  test('a signal that comes twice at once is one; a later one cuts, exit 1', async () => {
    await using command = new Command(['serve', waiting, ...quick]);
    const response = await fetch(`${await command.listening()}/forever`);
    command.kill('SIGINT');
    command.kill('SIGINT');
    await command.said('stderr', /SIGINT: stopping/);
    await after(1100); // the second signal counts a second after the first: the one wait that is the subject itself
    expect(command.stderr).not.toContain('cut short');
    command.kill('SIGTERM');
    expect(await command.exit()).toBe(1);
    await expect(response.text()).rejects.toThrow();
  });

  test('it ends with the parent that holds a channel to it', async () => {
    await using command = new Command(['serve', waiting, ...quick], { ipc: true });
    await command.listening();
    command.abandon();
    expect(await command.exit()).toBe(0);
    expect(command.stderr).toContain('the app was shut down');
  });

  test('a signal before it listens ends the start, exit 0', async () => {
    await using command = new Command(['serve', 'test/e2e/apps/slow-start.ts', ...quick]);
    await command.said('stderr', /^starting$/m);
    command.kill('SIGTERM');
    expect(await command.exit()).toBe(0);
    expect(command.stdout).toBe('');
    expect(command.stderr).toContain('SIGTERM: stopping before the app has started');
  });

  test('--grace: what does not finish is cut, exit 0', async () => {
    await using command = new Command(['serve', waiting, '--grace', '100ms', ...quick]);
    const response = await fetch(`${await command.listening()}/forever`);
    command.kill('SIGTERM');
    await expect(response.text()).rejects.toThrow();
    expect(await command.exit()).toBe(0);
  });

  test.each([
    ['blocked.ts', ['--server', 'async', '--interface', 'sync']],
    ['waiting.ts', ['--server', 'sync']],
  ])('--grace holds behind a bridge too: %s', async (app, flags) => {
    const args = ['serve', `test/e2e/apps/${app}`, '--grace', '100ms', ...flags, ...quick];
    await using command = new Command(args);
    const response = await fetch(`${await command.listening()}/forever`);
    const began = performance.now();
    command.kill('SIGTERM');
    await expect(response.text()).rejects.toThrow();
    expect(await command.exit()).toBe(0);
    expect(performance.now() - began).toBeLessThan(4000);
  });

  test('what an app throws outside of a request is logged, and the server lives on', async () => {
    await using command = new Command(['serve', waiting, ...quick]);
    const url = await command.listening();
    for (const [path, words] of [
      ['/throw', 'Boom in a timer'],
      ['/reject', 'Boom in a promise'],
    ] as const) {
      expect(await (await fetch(url + path)).text()).toBe('begun finished');
      await command.said('stderr', new RegExp(`Error: ${words}[\\s\\S]*waiting\\.ts`));
    }
    expect(await (await fetch(url)).text()).toBe('begun finished');
  });
});

describe('what goes wrong is one line', () => {
  test.each<[string, string[], number, RegExp]>([
    ['no command', [], 2, /^dualgate: No command: say dualgate serve app\.ts:app, or dualgate help$/],
    [
      'an unknown command',
      ['serv', 'a.ts'],
      2,
      /^dualgate: Unknown command "serv": did you mean dualgate serve\?$/,
    ],
    ['an app as the command', ['app.ts:app'], 2, /: say dualgate serve app\.ts:app$/],
    ['no app', ['serve'], 2, /^dualgate: No app: say which one/],
    [
      'two apps',
      ['serve', 'a.ts', 'b.ts'],
      2,
      /^dualgate: One app at a time: "a\.ts", and then there is "b\.ts"$/,
    ],
    [
      'an unknown flag',
      ['serve', sync, '--thread', '2'],
      2,
      /^dualgate: Unknown flag "--thread": did you mean --threads\?$/,
    ],
    [
      'a bad value',
      ['serve', sync, '--threads', 'two'],
      2,
      /^dualgate: Cannot read --threads "two": it is a whole number, 0 to 512$/,
    ],
    ['a bad address', ['serve', sync, '--bind', 'nowhere:port'], 2, /^dualgate: .*"nowhere:port"/],
    [
      'a missing file',
      ['serve', 'test/e2e/apps/missing.ts:app'],
      3,
      /^dualgate: Cannot load "test\/e2e\/apps\/missing\.ts:app": there is no file /,
    ],
    [
      'a missing export',
      ['serve', 'test/e2e/apps/odd.ts:ap'],
      3,
      /^dualgate: Cannot load ".*:ap": it has no export "ap", it exports later, make, none, one$/,
    ],
    [
      'an export that is no function',
      ['serve', 'test/e2e/apps/odd.ts:none'],
      3,
      /its export "none" is a number, an app is a function$/,
    ],
    [
      'an export of neither kind',
      ['serve', 'test/e2e/apps/odd.ts:one'],
      3,
      /^dualgate: Cannot tell what kind of app ".*:one" is: it takes \(request\), .* say --interface/,
    ],
    [
      'an async function of two',
      ['serve', 'test/e2e/apps/odd.ts:later'],
      3,
      /it is an async function of \(environ, startResponse\)/,
    ],
    [
      'the wrong kind',
      ['serve', 'test/e2e/apps/odd.ts:later', '--interface', 'sync'],
      3,
      /^dualgate: Cannot run ".*:later" as a sync app: it is an async function/,
    ],
    [
      'a module that throws',
      ['serve', 'test/e2e/apps/broken.ts'],
      3,
      /^dualgate: Cannot load ".*broken\.ts": it threw TypeError: this module is broken in two lines/,
    ],
    [
      'a module that waits for nothing',
      ['serve', 'test/e2e/apps/unsettled.ts:app'],
      3,
      /^dualgate: Cannot load ".*unsettled\.ts:app": it awaits something that never comes: nothing is left that could end its loading$/,
    ],
    [
      'one on threads',
      ['serve', 'test/e2e/apps/unsettled.ts:app', '--interface', 'sync'],
      3,
      /^dualgate: Cannot load ".*unsettled\.ts:app": it awaits something that never comes/,
    ],
    [
      'a module that ends the process',
      ['serve', 'test/e2e/apps/leaving.ts:app'],
      3,
      /^dualgate: Cannot load ".*leaving\.ts:app": it ended the process, with exit code 7, before it was served$/,
    ],
    [
      'one that ends its thread',
      ['serve', 'test/e2e/apps/leaving.ts:app', '--interface', 'sync'],
      3,
      /^dualgate: Cannot load ".*leaving\.ts:app": .*thread \d.* with exit code 7/,
    ],
    [
      'one that ends its thread behind the loop',
      ['serve', 'test/e2e/apps/leaving.ts:app', '--interface', 'sync', '--server', 'async'],
      3,
      /^dualgate: Cannot load ".*leaving\.ts:app": .*thread \d.* with exit code 7/,
    ],
    [
      'a class on threads',
      ['serve', 'test/e2e/apps/classy.ts', '--interface', 'sync'],
      3,
      /^dualgate: Cannot load ".*classy\.ts": its export "default" is a class, an app is a function/,
    ],
    ['a startup that fails', ['serve', 'test/e2e/apps/refusing.ts'], 3, /there is no database/],
    [
      'a startup that fails behind threads',
      ['serve', 'test/e2e/apps/refusing.ts', '--server', 'sync'],
      3,
      /there is no database/,
    ],
    [
      'an app in the lab',
      ['lab', 'app.ts'],
      2,
      /^dualgate: Cannot serve "app\.ts" in the lab: it brings its own apps$/,
    ],
  ])('%s', async (_, args, code, line) => {
    await using command = new Command(args);
    expect(await command.exit(), command.stderr).toBe(code);
    expect(command.stderr.split('\n')).toEqual([expect.stringMatching(line), '']);
    expect(command.stdout).toBe('');
  });

  test('a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    try {
      // A server on a TCP port has an address of this form.
      const { port } = taken.address() as { port: number };
      for (const app of [sync, 'test/e2e/apps/hello-async.ts']) {
        await using command = new Command(['serve', app, '-b', `127.0.0.1:${port}`]);
        expect(await command.exit()).toBe(3);
        expect(command.stderr.split('\n')).toEqual([
          expect.stringMatching(new RegExp(`^dualgate: .*${port}`)),
          '',
        ]);
        expect(command.stdout).toBe('');
      }
    } finally {
      taken.close();
    }
  });

  test('--log-level debug shows the stack and its causes', async () => {
    await using command = new Command(['serve', 'test/e2e/apps/broken.ts', '--log-level', 'debug']);
    expect(await command.exit()).toBe(3);
    expect(command.stderr).toMatch(
      /^dualgate: GatewayError: Cannot load [\s\S]*\n {4}at [\s\S]*caused by TypeError: this module/,
    );
    await using odd = new Command(['serve', 'test/e2e/apps/thrower.mjs', '--log-level', 'debug']);
    expect(await odd.exit()).toBe(3);
    expect(odd.stderr).toMatch(/^dualgate: GatewayError: Cannot load ".*": it threw "oh dear"\n {4}at /);
  });
});

test('without its packages the command says what to do', async () => {
  const root = mkdtempSync(join(tmpdir(), 'dualgate-bare-'));
  try {
    for (const folder of ['bin', 'src', 'package.json']) {
      cpSync(folder, join(root, folder), { recursive: true });
    }
    await using command = new Command(['serve', 'app.mjs'], { cwd: root, root });
    expect(await command.exit()).toBe(3);
    expect(command.stderr).toBe(
      `dualgate: Cannot start: the package tsx is missing: run npm ci in ${realpathSync(root)}\n`,
    );
  } finally {
    rmSync(root, { recursive: true });
  }
});

describe('help and version', () => {
  test('--help lists every setting', async () => {
    await using command = new Command(['serve', '--help']);
    expect(await command.exit()).toBe(0);
    for (const row of table) {
      for (const text of [...row.flags, row.variable]) expect(command.stdout).toContain(text);
    }
    expect(command.stderr).toBe('');
  });

  test('help, the lab, and the version', async () => {
    await using help = new Command(['help']);
    await using lab = new Command(['lab', '-h']);
    await using version = new Command(['--version']);
    expect(await Promise.all([help.exit(), lab.exit(), version.exit()])).toEqual([0, 0, 0]);
    expect(help.stdout).toContain('dualgate serve APP');
    expect(lab.stdout).toContain('--bind');
    // Our own package.json.
    const { version: ours } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(version.stdout).toBe(`dualgate ${ours}\n`);
  });
});

test('it runs from any directory; the app is looked for in that one', async () => {
  const cwd = fileURLToPath(new URL('./apps/', import.meta.url));
  await using command = new Command(['serve', 'hello-sync', ...quick, '--threads=1'], { cwd });
  const response = await fetch(`${await command.listening()}/x`);
  expect(await response.text()).toBe('Hello from WSGI! You requested: /x');
});
