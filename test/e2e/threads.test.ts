// Threads of the command: what an app prints on them, and a process whose threads run out.
import { describe, expect, test } from 'vitest';

import { Command } from './process.ts';

const app = 'test/e2e/apps/native.ts:app';
const quick = ['-b', '127.0.0.1:0', '--log-format', 'text', '--no-access-log'];

test('what an app prints has the id of its request; --no-print-ids leaves it alone', async () => {
  await using command = new Command(['serve', app, ...quick]);
  const response = await fetch(`${await command.listening()}/here`);
  const id = response.headers.get('x-request-id');
  expect(id).toMatch(/./);
  await command.said('stdout', /asked for \/here$/m);
  expect(command.stdout).toContain(`\n[${id}] asked for /here\n`);
  await using plain = new Command(['serve', app, '--no-print-ids', ...quick]);
  await fetch(`${await plain.listening()}/there`);
  await plain.said('stdout', /^asked for \/there$/m);
});

test.each([
  ['sync', []],
  ['async', ['--server', 'async']],
])('--timeout on the %s server: 504 to one client, the others are served', async (_, flags) => {
  await using command = new Command([
    'serve',
    app,
    '--threads',
    '2',
    '--timeout',
    '300ms',
    ...flags,
    ...quick,
  ]);
  const url = await command.listening();
  const stuck = fetch(`${url}/stuck?3`);
  for (let at = 0; at < 20; at++) expect(await (await fetch(url)).text()).toBe('served');
  expect((await stuck).status).toBe(504);
  await command.said('stderr', /deadline: it made no progress for 0\.3 s: GET "\/stuck" on thread [12]/);
});

describe('more threads in native calls than may be', () => {
  const few = ['--threads', '2', '--max-stuck-threads', '0', '--timeout', '200ms', '--grace', '1s', ...quick];

  test('the process says so, lets requests finish, and ends with exit code 4', async () => {
    await using command = new Command(['serve', app, ...few]);
    const url = await command.listening();
    expect((await fetch(`${url}/stuck?4`)).status).toBe(504);
    await command.said(
      'stderr',
      /1 thread is in native calls that nothing can end, and 0 may be: the process should be replaced/,
    );
    expect(await command.exit()).toBe(4);
  });

  test('where they do not end at all it ends itself, rather than wait for them', async () => {
    await using command = new Command(['serve', app, ...few]);
    const url = await command.listening();
    expect((await fetch(`${url}/stuck?15`)).status).toBe(504);
    expect(await command.exit()).toBe('SIGKILL');
    expect(command.stderr).toMatch(/ends itself by SIGKILL/);
  });
});

test('--max-requests on the event loop says that it does nothing there', async () => {
  await using command = new Command(['serve', app, '--threads', '0', '--max-requests', '10', ...quick]);
  await command.listening();
  await command.said('stderr', /maxRequests \(--max-requests\) does nothing here: the app is not on threads/);
});
