// The sync servers of Python that are on this machine, with the same app, as their makers recommend to run them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import type { Server } from './servers.ts';

/** Their one small app, and what it is asked: what every server of the bench answers. */
const app = 'wsgi:app';
const few = [
  'hello',
  'hello, 12 headers',
  'echo 16 KiB',
  'stream 64 x 1 KiB',
  'upload 1 MiB',
  'hello, one connection',
];
const many = ['hello', 'blocking 20 ms'];

/** Those that are installed, in one process with as many threads as the row of ours beside them. */
export function pythonServers(): Readonly<Record<string, Server>> {
  return Object.fromEntries([2, 16].flatMap(rowsWith));
}

function rowsWith(threads: number): [string, Server][] {
  const common: Server = {
    command: [],
    wing: 'sync',
    beside: `dualgate sync, ${threads} threads`,
    loads: threads === 2 ? few : many,
    ...(threads > 2 && { unpinned: true }),
  };
  const rows: [string, Server][] = [];
  const gunicorn = which('gunicorn');
  if (gunicorn) {
    // one worker: what a processor gets; no access log is its default
    const flags = ['--workers', '1', '--log-level', 'error', app];
    const bind = (port: number): string[] => ['--bind', `127.0.0.1:${port}`];
    const gthread = ['--worker-class', 'gthread', '--threads', String(threads), '--keep-alive', '75'];
    rows.push([
      `gunicorn gthread, ${threads} threads`,
      { ...common, python: (port) => [gunicorn, ...bind(port), ...gthread, ...flags] },
    ]);
    if (threads === 2) {
      // it closes each connection, by design: meant to stand behind nginx
      const python = (port: number): string[] => [gunicorn, ...bind(port), ...flags];
      rows.push(['gunicorn sync', { ...common, python, lacks: ['keep-alive'] }]);
    }
  }
  const waitress = interpreterOf('waitress-serve');
  if (waitress) {
    // not its command: that logs each request that waits for a thread, and cannot be told not to
    const code = [
      'import logging, sys, waitress, wsgi',
      "logging.getLogger('waitress').setLevel(logging.ERROR)",
      `waitress.serve(wsgi.app, listen=sys.argv[1], threads=${threads}, _quiet=True)`,
    ].join('; ');
    const python = (port: number): string[] => [waitress, '-c', code, `127.0.0.1:${port}`];
    // it closes after a body whose length its app has not declared
    rows.push([`waitress, ${threads} threads`, { ...common, python, lacks: ['keep-alive'] }]);
  }
  const uwsgi = which('uwsgi');
  if (uwsgi) {
    const flags = [
      '--plugin',
      'http,python3',
      '--master',
      '--die-on-term',
      '--need-app',
      '--disable-logging',
    ];
    const keep = ['--http-keepalive', '--http-auto-chunked', '--so-keepalive', '--listen', '100'];
    const python = (port: number): string[] => [
      ...[uwsgi, ...flags, ...keep, '--processes', '1', '--enable-threads', '--threads', String(threads)],
      ...['--http', `127.0.0.1:${port}`, '--module', app, '--logto', '/dev/null'],
    ];
    rows.push([`uwsgi, ${threads} threads`, { ...common, python, lacks: ['date', 'keep-alive'] }]);
  }
  return rows;
}

/** The Python that a command of Python's runs on: the one that has its packages. */
function interpreterOf(program: string): string | null {
  const path = which(program);
  return path && (/^#!\s*(\S+python\S*)\s/.exec(readFileSync(path, 'utf8'))?.[1] ?? null);
}

function which(program: string): string | null {
  try {
    return execFileSync('which', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}
