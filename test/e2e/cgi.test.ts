// dualgate cgi: as a child with variables and standard input, and called by a real Apache with mod_cgid.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { once as ask } from '../support/raw-client.ts';
import { Apache, apacheMissing } from './apache.ts';
import { freePorts } from './nginx.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, 'bin/dualgate.js');
const app = join(root, 'test/e2e/apps/cgi.ts:app');

interface Ran {
  readonly code: number | null;
  readonly head: string;
  readonly body: string;
  readonly stderr: string;
}

/** `variables` beside PATH alone; null: no REQUEST_METHOD either. */
async function run(
  variables: Record<string, string> | null,
  {
    input = '',
    args = [app],
    keepInput = false,
  }: { input?: string; args?: string[]; keepInput?: boolean } = {},
): Promise<Ran> {
  const env = { PATH: process.env['PATH'], DUALGATE_SOURCE: '1' };
  const given =
    variables === null ? {} : { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', ...variables };
  const child = spawn(process.execPath, [bin, 'cgi', ...args], { env: { ...env, ...given }, cwd: root });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}); // it need not read
  child.stdin.write(input);
  if (!keepInput) child.stdin.end();
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const [code] = await once(child, 'close');
  clearTimeout(late);
  const end = stdout.indexOf('\r\n\r\n');
  return { code, head: stdout.slice(0, end), body: stdout.slice(end + 4), stderr };
}

describe('as a child', () => {
  test('[W-101] the environ is the variables, and what a server adds', async () => {
    const { code, head, body } = await run({
      SCRIPT_NAME: '/mount',
      PATH_INFO: '/caf\u00e9', // as UTF-8 in the environment
      QUERY_STRING: 'a=%20',
      SERVER_NAME: 'gate.test',
      SERVER_PORT: '8443',
      SERVER_PROTOCOL: 'HTTP/2.0',
      HTTPS: 'on',
      HTTP_PROXY: 'http://evil.test/',
      HTTP_ACCEPT: '*/*',
      CONTENT_LENGTH: '',
      CONTENT_TYPE: '',
      DEPLOYED: 'yes',
      lower: 'no',
    });
    expect([code, head]).toEqual([
      0,
      expect.stringMatching(/^Status: 200 OK\r\nContent-Type: application\/json\r\n/),
    ]);
    const environ = JSON.parse(Buffer.from(body, 'latin1').toString()) as Record<string, unknown>;
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '/mount',
      PATH_INFO: '/caf\u00c3\u00a9',
      QUERY_STRING: 'a=%20',
      SERVER_NAME: 'gate.test',
      SERVER_PORT: '8443',
      SERVER_PROTOCOL: 'HTTP/2',
      HTTPS: 'on',
      HTTP_ACCEPT: '*/*',
      DEPLOYED: 'yes',
      GATEWAY_INTERFACE: 'CGI/1.1',
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'https',
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      'wsgi.run_once': true,
      'wsgi.input_terminated': true,
      hints: 'undefined',
    });
    for (const absent of ['HTTP_PROXY', 'proxy', 'CONTENT_LENGTH', 'CONTENT_TYPE', 'lower']) {
      expect(environ).not.toHaveProperty(absent);
    }
  });

  test('[W-101] a body is read to its length, and the answer has its status, reason and headers', async () => {
    const variables = { REQUEST_METHOD: 'POST', PATH_INFO: '/echo', CONTENT_LENGTH: '5' };
    const { code, head, body } = await run(variables, { input: 'hello and more', keepInput: true });
    expect([code, body]).toEqual([0, 'hello']);
    expect(head.split('\r\n')).toEqual([
      'Status: 201 Created Here',
      'Content-Type: text/plain',
      'Set-Cookie: a',
      'Set-Cookie: b\u00e9',
      'Content-Length: 5',
    ]);
  });

  test('without a length there is no body, and standard input is left alone', async () => {
    const { code, body } = await run({ PATH_INFO: '/echo' }, { input: 'left', keepInput: true });
    expect([code, body]).toEqual([0, '']);
  });

  test.each<[string, Record<string, string>, string, string]>([
    ['an upload that breaks off', { CONTENT_LENGTH: '9' }, 'hel', '400 Bad Request'],
    ['a length that is none', { CONTENT_LENGTH: '-1' }, '', '400 Bad Request'],
    ['a chunked body', { HTTP_TRANSFER_ENCODING: 'chunked' }, 'hello', '411 Length Required'],
    ['no method', { REQUEST_METHOD: '' }, '', '400 Bad Request'],
  ])('%s is refused', async (_name, variables, input, status) => {
    const ran = await run({ REQUEST_METHOD: 'POST', PATH_INFO: '/echo', ...variables }, { input });
    expect([ran.code, ran.head.split('\r\n')[0]]).toEqual([1, `Status: ${status}`]);
  });

  test('[W-85] HEAD and 204 have no body', async () => {
    const head = await run({ REQUEST_METHOD: 'HEAD' });
    expect([head.code, head.head.startsWith('Status: 200 OK'), head.body]).toEqual([0, true, '']);
    const none = await run({ PATH_INFO: '/none' });
    expect([none.code, none.head, none.body]).toEqual([0, 'Status: 204 No Content', '']);
  });

  test('[W-83] an error before the head is a 500, one behind it ends the answer; both are logged', async () => {
    const before = await run({ PATH_INFO: '/throw' });
    expect([before.code, before.head.split('\r\n')[0]]).toEqual([1, 'Status: 500 Internal Server Error']);
    expect(before.stderr).toMatch(/The app failed on GET "\/throw".*\n.*fault before the head/);
    expect(before.body).not.toContain('fault');
    const behind = await run({ PATH_INFO: '/late' });
    expect([behind.code, behind.body]).toEqual([1, 'begun']);
    expect(behind.stderr).toContain('fault behind the head');
  });

  test('what the app prints does not reach the client', async () => {
    const { code, head, body, stderr } = await run({ PATH_INFO: '/print' });
    expect([code, head.startsWith('Status: 200 OK'), body]).toEqual([0, true, 'clean']);
    expect(stderr).toBe('printed\nprinted too\nan error line\n');
  });

  test('an async app is served too, and what it prints does not reach the client either', async () => {
    const ran = await run({ PATH_INFO: '/x' }, { args: [join(root, 'examples/hello-async/app.ts')] });
    expect([ran.code, ran.body]).toEqual([0, 'Hello from ASGI! You requested: /x']);
    const folder = mkdtempSync(join(tmpdir(), 'dualgate-cgi-'));
    writeFileSync(
      join(folder, 'app.mjs'),
      `console.log('loaded');
       export const app = async (scope, receive, send) => {
         if (scope.type === 'lifespan') throw new Error('none');
         console.log('called');
         await send({ type: 'http.response.start', status: 200, headers: [] });
         await send({ type: 'http.response.body', body: (await receive()).body });
       };`,
    );
    const variables = { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '4' };
    const noisy = await run(variables, { args: [join(folder, 'app.mjs')], input: 'body' });
    rmSync(folder, { recursive: true });
    expect([noisy.code, noisy.body]).toEqual([0, 'body']);
    expect(noisy.stderr).toContain('called\n');
  });

  test.each<[string, string[], number, RegExp]>([
    ['an app that is not there', ['nope.ts:app'], 3, /Cannot load "nope\.ts:app"/],
    ['a flag that there is not', ['--nope', app], 2, /Unknown flag "--nope"/],
    ['no app', [], 2, /No app/],
  ])('%s: the client gets a 500, the log the reason', async (_name, args, code, reason) => {
    const ran = await run({}, { args });
    expect([ran.code, ran.head.split('\r\n')[0]]).toEqual([code, 'Status: 500 Internal Server Error']);
    expect(ran.stderr).toMatch(reason);
    expect(ran.body).toBe('500 Internal Server Error\n');
  });

  test('words of a query never become flags (RFC 3875 §4.4)', async () => {
    const ran = await run(
      { PATH_INFO: '/print' },
      { args: ['--interface', 'sync', app, '--factory', '--nope'] },
    );
    expect([ran.code, ran.body]).toEqual([0, 'clean']);
  });

  test('somebody at a terminal is told how to try it', async () => {
    const ran = await run(null);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringMatching(/REQUEST_METHOD=GET .*dualgate cgi /)]);
  });

  test.skipIf(!existsSync('/usr/bin/perl'))(
    'streams that do not block: reads and writes wait for them',
    async () => {
      // Node makes a child's streams block, so something else starts it.
      const start =
        'for (*STDIN, *STDOUT) { fcntl($_, F_SETFL, fcntl($_, F_GETFL, 0) | O_NONBLOCK) } exec @ARGV';
      const size = 2_000_000; // many times what a pipe holds
      const env = {
        PATH: process.env['PATH'],
        DUALGATE_SOURCE: '1',
        REQUEST_METHOD: 'POST',
        PATH_INFO: '/echo',
      };
      const args = ['-MFcntl', '-e', start, process.execPath, bin, 'cgi', app];
      const options = { env: { ...env, CONTENT_LENGTH: String(size) }, cwd: root, stdio: 'pipe' } as const;
      const child = spawn('/usr/bin/perl', args, options);
      const exited = once(child, 'exit');
      const pieces: Buffer[] = [];
      const answered = (async () => {
        for await (const piece of child.stdout) {
          pieces.push(piece);
          await delay(1); // slower than it could
        }
      })();
      for (let at = 0; at < size; at += 100_000) {
        await delay(1);
        child.stdin.write(Buffer.alloc(100_000, 'b'));
      }
      const [code] = await exited;
      await answered;
      const [head = '', body = ''] = Buffer.concat(pieces).toString('latin1').split('\r\n\r\n');
      expect([code, head.split('\r\n')[0], body.length]).toEqual([0, 'Status: 201 Created Here', size]);
    },
  );

  test('[W-77] a web server that closes its end: the iterable is closed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dualgate-cgi-'));
    const notes = join(folder, 'notes');
    const env = {
      PATH: process.env['PATH'],
      DUALGATE_SOURCE: '1',
      REQUEST_METHOD: 'GET',
      PATH_INFO: '/endless',
    };
    const child = spawn(process.execPath, [bin, 'cgi', app], {
      env: { ...env, CGI_NOTES: notes },
      cwd: root,
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = await once(child, 'exit');
    expect([code, readFileSync(notes, 'utf8')]).toEqual([1, 'closed, gone true\n']);
    rmSync(folder, { recursive: true });
  });
});

const missing = apacheMissing();
describe.skipIf(missing !== null)(`under Apache${missing === null ? '' : `: ${missing}`}`, () => {
  let apache: Apache;
  let url: URL;
  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    apache = await Apache.start(port, (folder) => {
      // With "$@", as a careless deployer writes it.
      script(join(folder, 'app.cgi'), `#!/bin/sh\nexec "${process.execPath}" "${bin}" cgi "${app}" "$@"\n`);
      mkdirSync(join(folder, 'bin'));
      symlinkSync(bin, join(folder, 'bin/dualgate'));
      copyFileSync(join(root, 'test/e2e/apps/cgi-script.ts'), join(folder, 'script.ts'));
      chmodSync(join(folder, 'script.ts'), 0o755);
      return `SetEnv DUALGATE_SOURCE 1
PassEnv PATH
SetEnv PATH "${folder}/bin:${dirname(process.execPath)}:/usr/bin:/bin"
SetEnv DEPLOYED yes
ScriptAlias /app ${folder}/app.cgi
ScriptAlias /script ${folder}/script.ts
<Directory ${folder}>
  Options +ExecCGI
  Require all granted
</Directory>`;
    });
    url = new URL(apache.url);
  });
  afterAll(() => apache?.[Symbol.asyncDispose]());

  test('[W-101] the environ of a request', async () => {
    const answer = await ask(url, [
      'GET /app/caf%C3%A9%FF/x?a=%20&b HTTP/1.1',
      'host: gate.test',
      'proxy: http://evil/',
      'x-one: 1',
    ]);
    expect([answer.status, answer.get('content-type')]).toEqual([200, 'application/json']);
    const environ = JSON.parse(answer.text) as Record<string, unknown>;
    expect(environ).toMatchObject({
      SCRIPT_NAME: '/app',
      PATH_INFO: '/caf\u00c3\u00a9\u00ff/x',
      QUERY_STRING: 'a=%20&b',
      RAW_URI: '/app/caf%C3%A9%FF/x?a=%20&b',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      HTTP_HOST: 'gate.test',
      HTTP_X_ONE: '1',
      DEPLOYED: 'yes',
      'wsgi.run_once': true,
    });
    expect(environ).not.toHaveProperty('HTTP_PROXY');
  });

  test('[W-101] a body there and back, with its status, reason and repeated headers', async () => {
    const body = Buffer.alloc(300_000, 'b');
    const lines = ['POST /app/echo HTTP/1.1', 'host: gate.test', `content-length: ${body.length}`];
    const answer = await ask(url, lines, body);
    expect([answer.status, answer.reason, answer.all('set-cookie')]).toEqual([
      201,
      'Created Here',
      ['a', 'b\u00e9'],
    ]);
    expect(answer.body.equals(body)).toBe(true);
  });

  test('a chunked body is refused, not lost', async () => {
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(`${apache.url}/app/echo`, { method: 'POST', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject);
      sent.write('hello');
      sent.end();
    });
    expect(answer).toBe(411);
  });

  test('[W-85] HEAD, 204, and eight MiB', async () => {
    const head = await ask(url, ['HEAD /app/echo HTTP/1.1', 'host: gate.test']);
    expect([head.status, head.body.length]).toEqual([201, 0]);
    expect((await ask(url, ['GET /app/none HTTP/1.1', 'host: gate.test'])).status).toBe(204);
    const big = await ask(url, ['GET /app/big HTTP/1.1', 'host: gate.test']);
    expect([big.status, big.body.length, big.complete]).toEqual([200, 8 * 2 ** 20, true]);
  });

  test('[W-83] faults: a 500, or a short answer; the log has both', async () => {
    expect((await ask(url, ['GET /app/throw HTTP/1.1', 'host: gate.test'])).status).toBe(500);
    const late = await ask(url, ['GET /app/late HTTP/1.1', 'host: gate.test']);
    expect(late.text).toBe('begun'); // Apache frames it anew, so that it looks whole: CGI has no word for it
    await apache.said(/fault before the head[\s\S]*fault behind the head/);
  });

  test('a query without "=" gives the command no flags', async () => {
    const answer = await ask(url, ['GET /app/print?--factory+--interface=async HTTP/1.1', 'host: gate.test']);
    expect([answer.status, answer.text]).toEqual([200, 'clean']);
  });

  test('a script that says by itself what runs it', async () => {
    const answer = await ask(url, ['GET /script/a/b?--factory HTTP/1.1', 'host: gate.test']);
    expect([answer.status, answer.text]).toEqual([200, 'script /script /a/b --factory']);
  });
});

function script(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}
