// Every example, by the command of its first line, in a process of its own, with a real client.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { stop } from '../support/stop.ts';

const root = new URL('../../', import.meta.url);
const files = readdirSync(new URL('examples/', root), { recursive: true })
  .map(String)
  .filter((file) => statSync(new URL(`examples/${file}`, root)).isFile());

test('an example has at most three files, and each app begins with its command', () => {
  const folders = files.map((file) => file.split('/')[0] ?? '');
  expect([...new Set(folders)].sort()).toEqual([
    'both-ways',
    'chat',
    'clock',
    'download',
    'echo',
    'hello-async',
    'hello-sync',
    'lint',
    'upload',
  ]);
  for (const name of folders) {
    expect(folders.filter((one) => one === name).length, name).toBeLessThanOrEqual(3);
  }
  for (const file of files.filter((one) => one.endsWith('.ts'))) {
    expect(commandOf(file), file).toContain(`examples/${file}`);
  }
});

describe('hello', () => {
  test.for([
    ['hello-sync', 'WSGI'],
    ['hello-async', 'ASGI'],
  ] as const)('%s: the same bytes from either server', async ([name, contract]) => {
    const servers = ['sync', 'async'].map((server) => start(`${name}/app.ts`, ['--server', server]));
    await using _onSync = await servers[0];
    await using _onAsync = await servers[1];
    for (const { url } of await Promise.all(servers)) {
      const response = await fetch(`${url}/caf%C3%A9?q=1`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(await response.text()).toBe(`Hello from ${contract}! You requested: /café`);
    }
  });
});

test('the README shows the two hello apps as they are', () => {
  const readme = readFileSync(new URL('README.md', root), 'utf8');
  for (const name of ['hello-sync', 'hello-async']) {
    expect(readme).toContain(readFileSync(new URL(`examples/${name}/app.ts`, root), 'utf8'));
  }
});

test('lint: each fault with its clause and its line, as the guide says', async () => {
  const guide = readFileSync(new URL('docs/guide/lint.md', root), 'utf8');
  expect(guide).toContain(readFileSync(new URL('examples/lint/app.ts', root), 'utf8'));
  await using server = await start('lint/app.ts', ['--threads', '1', '--log-format', 'text']);
  const statuses: number[] = [];
  for (const path of ['head', 'body', 'length', 'fine']) {
    statuses.push((await fetch(`${server.url}/${path}`)).status);
  }
  expect(statuses).toEqual([500, 500, 200, 200]);
  const said = guide.split('\n').filter((line) => / \[V-\d\d\]$/.test(line));
  expect(said).toHaveLength(3);
  for (const line of said) await server.complained(line);
});

test('the apps of the first tutorial answer as it says', async () => {
  const folder = new URL('.cache/tutorial/', root);
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(new URL('docs/tutorial/1-hello.md', root), 'utf8');
  const blocks = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
  expect(blocks).toHaveLength(2);
  for (const [n, code] of blocks.entries()) {
    writeFileSync(new URL(`${n}.ts`, folder), code);
    await using served = await serving(`node bin/dualgate.js serve .cache/tutorial/${n}.ts:app`);
    expect(await (await fetch(`${served.url}/there`)).text()).toBe('Hello, GET /there\n');
  }
});

test('both-ways: two apps on two servers, one behaviour', async () => {
  await using script = launch(commandOf('both-ways/main.ts').replace(/^npx tsx/, 'node --import tsx'));
  const lines = await script.until(/^Ctrl-C/);
  const countdowns = lines.map((line) => line.split(/ {2,}/).at(-1));
  expect(countdowns.slice(0, 4)).toEqual(Array(4).fill('three, two, one, go'));
  script.child.kill('SIGTERM');
  await once(script.child, 'exit');
  expect(script.child.exitCode).toBe(0);
});

test('clock: events arrive one by one, until the client leaves', async () => {
  await using served = await start('clock/app.ts');
  expect(await (await fetch(served.url)).text()).toContain('<title>Clock</title>');
  const client = new AbortController();
  const response = await fetch(`${served.url}/ticks`, { signal: client.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let n = 0; n < 2; n += 1) {
    const { value } = (await reader?.read()) ?? {};
    expect(value).toMatch(/^id: \d{13}\ndata: \d{4}-\d\d-\d\dT[\d:.]+Z\n\n$/);
  }
  client.abort();
});

test('echo: text as text, bytes as bytes, and a clean end', async () => {
  await using served = await start('echo/app.ts');
  const socket = new WebSocket(served.url.replace(/^http/, 'ws'));
  await once(socket, 'open');
  const bytes = randomBytes(100_000);
  for (const message of ['grüße', bytes]) {
    socket.send(message);
    const [data, binary] = await once(socket, 'message');
    expect(binary).toBe(typeof message !== 'string');
    expect(Buffer.from(data).equals(Buffer.from(message))).toBe(true);
  }
  socket.send('bye');
  const [code, reason] = await once(socket, 'close');
  expect([code, String(reason)]).toEqual([1000, 'bye']);
});

test('download: files of one folder, and nothing beside it', async () => {
  await using served = await start('download/app.ts');
  const readme = readFileSync(new URL('README.md', root));
  const response = await fetch(`${served.url}/README.md`);
  expect([response.status, response.headers.get('content-length')]).toEqual([200, String(readme.length)]);
  expect(readme.equals(new Uint8Array(await response.arrayBuffer()))).toBe(true);
  for (const path of ['/nope', '/', '/src', '/%2e%2e%2f%2e%2e%2fetc/hosts', '//etc/hosts', '/a%00b']) {
    expect((await fetch(`${served.url}${path}`)).status, path).toBe(404);
  }
});

test('download: its own test is green', async () => {
  const command = commandOf('download/test.ts').replace(/^npx tsx/, 'node --import tsx');
  await using script = launch(command);
  const ended = once(script.child, 'exit');
  await script.until(/^(?:#|ℹ) pass 3$/);
  expect((await ended)[0]).toBe(0);
});

test.for(['upload/sync.ts', 'upload/async.ts'])('%s: counts and hashes what arrives', async (file) => {
  await using served = await start(file);
  const pieces = Array.from({ length: 40 }, () => randomBytes(100_003));
  const sha256 = createHash('sha256').update(Buffer.concat(pieces)).digest('hex');
  const response = await fetch(served.url, {
    method: 'PUT',
    body: ReadableStream.from(pieces),
    duplex: 'half',
  });
  expect(await response.text()).toBe(`4000120 bytes, sha256 ${sha256}\n`);
});

test('chat: join, talk, and what it refuses', async () => {
  await using served = await start('chat/app.ts');
  const address = served.url.replace(/^http/, 'ws');
  const [ana, bo] = [await joined(address, 'ana'), await joined(address, 'ana')];
  expect([ana.nick, bo.nick]).toEqual(['ana', 'ana 2']);
  ana.socket.send(JSON.stringify({ type: 'say', text: 'hello' }));
  expect(await bo.next('said')).toMatchObject({ nick: 'ana', text: 'hello' });
  bo.socket.send('no JSON');
  expect(await bo.next('refused')).toHaveProperty('why');
  for (let n = 0; n < 12; n += 1) bo.socket.send(JSON.stringify({ type: 'say', text: String(n) }));
  expect(await bo.next('refused')).toMatchObject({ why: 'Not so fast: five messages a second' });
  ana.socket.close();
  expect(await bo.next('left')).toMatchObject({ nick: 'ana', here: ['ana 2'] });
  bo.socket.close();

  const stranger = new WebSocket(address, { origin: 'http://evil.example' });
  const [error] = await once(stranger, 'error');
  expect(String(error)).toContain('403');
});

interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  /** All lines of its standard output, up to the one that matches. */
  until(pattern: RegExp): Promise<string[]>;
  /** Waits until its standard error has that text. */
  complained(text: string): Promise<void>;
}

/** An app by the command of its first line, on a free port. */
async function start(file: string, flags: readonly string[] = []): Promise<Running & { url: string }> {
  return serving([commandOf(file).replace(/^npx dualgate/, 'node bin/dualgate.js'), ...flags].join(' '));
}

async function serving(command: string): Promise<Running & { url: string }> {
  const running = launch(`${command} --bind 127.0.0.1:0 --no-access-log`);
  const [line] = (await running.until(/^Listening on /)).slice(-1);
  return { ...running, url: line?.replace('Listening on ', '') ?? '' };
}

function launch(command: string): Running {
  const [program = '', ...args] = command.split(' ');
  const executable = program === 'node' ? process.execPath : program;
  const child = spawn(executable, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text) => {
    complaints += String(text);
  });
  const lines = createInterface({ input: child.stdout });
  return {
    child,
    async until(pattern) {
      const seen: string[] = [];
      for await (const line of lines) {
        seen.push(line);
        if (pattern.test(line)) return seen;
      }
      throw new Error(`"${command}" ended without ${pattern}: ${complaints}`);
    },
    async complained(text) {
      const late = AbortSignal.timeout(10_000);
      while (!complaints.includes(text)) await once(child.stderr, 'data', { signal: late });
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      await stop(child, 5_000);
      expect(child.exitCode, `how "${command}" ended: ${complaints}`).toBe(0);
    },
  };
}

/** What stands behind the two slashes of the first line. */
function commandOf(file: string): string {
  const [first = ''] = readFileSync(new URL(`examples/${file}`, root), 'utf8').split('\n');
  return /^\/\/ (npx [^(]+?) *(\(|$)/.exec(first)?.[1] ?? '';
}

interface Talker {
  readonly socket: WebSocket;
  readonly nick: string;
  next(type: string): Promise<Record<string, unknown>>;
}

async function joined(address: string, nick: string): Promise<Talker> {
  const socket = new WebSocket(address);
  const waiting: Array<Record<string, unknown>> = [];
  let wake = (): void => {};
  socket.on('message', (data) => {
    waiting.push(JSON.parse(String(data)));
    wake();
  });
  const next = async (type: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const message = waiting.shift();
      if (message?.['type'] === type) return message;
      if (!message) await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'join', nick }));
  return { socket, nick: String((await next('welcome'))['nick']), next };
}
