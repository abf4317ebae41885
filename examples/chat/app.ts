// npx dualgate serve examples/chat/app.ts:app
// One room in memory, over WebSocket: open http://127.0.0.1:8000 in two windows.
import { readFile } from 'node:fs/promises';

import type { AsyncApp, HttpScope, Receive, Send, WebSocketScope } from 'dualgate/async';

/** What the room sees; `at` in milliseconds since 1970. */
interface Line {
  type: 'said' | 'joined' | 'left';
  nick: string;
  text?: string;
  at: number;
}

interface Member {
  nick: string;
  post(message: object): void;
}

const limits = {
  members: 100,
  history: 50,
  nick: 24,
  text: 2000,
  frame: 16_384,
  unsent: 256,
  burst: 10,
  perSecond: 5,
};
const room = new Set<Member>();
const history: Line[] = [];

export const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type === 'http') return page(scope, send);
  if (scope.type === 'websocket') return talk(scope, receive, send);
  throw new Error(`This app does not speak "${scope.type}"`);
};

/* ── the talk: one call a socket ── */

async function talk(scope: WebSocketScope, receive: Receive, send: Send): Promise<void> {
  await receive(); // websocket.connect
  // Any web page can open a socket to here; only our own page may.
  if (!sameOrigin(scope) || room.size >= limits.members) return send({ type: 'websocket.close' });
  await send({ type: 'websocket.accept' });

  const member: Member = { nick: '', post: poster(send) };
  const allowed = bucket();
  try {
    for (;;) {
      const event = await receive();
      if (event.type !== 'websocket.receive') return;
      const { text = '' } = event;
      if (text.length > limits.frame) return await send({ type: 'websocket.close', code: 1009 });
      hear(member, parse(text), allowed());
    }
  } finally {
    if (room.delete(member)) tell({ type: 'left', nick: member.nick, at: Date.now() });
  }
}

function hear(member: Member, message: Record<string, unknown>, allowed: boolean): void {
  const text = String(message['text'] ?? '').trim();
  if (message['type'] === 'join' && !member.nick) {
    member.nick = freeNick(String(message['nick'] ?? ''));
    room.add(member);
    member.post({ type: 'welcome', nick: member.nick, history, here: here() });
    tell({ type: 'joined', nick: member.nick, at: Date.now() });
  } else if (message['type'] === 'say' && member.nick && text) {
    if (!allowed) member.post({ type: 'refused', why: 'Not so fast: five messages a second' });
    else if (text.length > limits.text)
      member.post({ type: 'refused', why: `At most ${limits.text} characters` });
    else tell({ type: 'said', nick: member.nick, text, at: Date.now() });
  } else {
    member.post({ type: 'refused', why: 'Join with a name, then say something' });
  }
}

function tell(line: Line): void {
  history.push(line);
  if (history.length > limits.history) history.shift();
  for (const member of room) member.post({ ...line, here: here() });
}

function here(): string[] {
  return [...room].map(({ nick }) => nick);
}

/** Sends in order. A reader so slow that messages pile up is let go, rather than kept in memory. */
function poster(send: Send): Member['post'] {
  let unsent = 0;
  let last = Promise.resolve();
  const inTurn = (event: Parameters<Send>[0]): void => {
    unsent += 1;
    last = last
      .then(() => send(event))
      .catch(() => {}) // the peer has left: receive() says so, in talk()
      .finally(() => {
        unsent -= 1;
      });
  };
  return (message) => {
    if (unsent < limits.unsent) inTurn({ type: 'websocket.send', text: JSON.stringify(message) });
    else if (unsent === limits.unsent) inTurn({ type: 'websocket.close', code: 1013, reason: 'too slow' });
  };
}

/** May one more message be said now? */
function bucket(): () => boolean {
  let [full, since] = [limits.burst, Date.now()];
  return () => {
    const now = Date.now();
    full = Math.min(limits.burst, full + ((now - since) / 1000) * limits.perSecond);
    since = now;
    if (full < 1) return false;
    full -= 1;
    return true;
  };
}

function freeNick(wanted: string): string {
  const nick =
    wanted
      .replace(/[\p{C}\s]+/gu, ' ')
      .trim()
      .slice(0, limits.nick) || 'somebody';
  const taken = here();
  for (let n = 1; ; n += 1) {
    const one = n === 1 ? nick : `${nick} ${n}`;
    if (!taken.includes(one)) return one;
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {}; // hear() refuses it, with a reason
  }
}

function sameOrigin({ headers }: WebSocketScope): boolean {
  const get = (name: string): string | undefined => headers.find(([one]) => one === name)?.[1];
  const origin = get('origin');
  return origin === undefined || origin.replace(/^https?:\/\//, '') === get('host');
}

/* ── the page ── */

const files: Record<string, readonly [file: string, type: string]> = {
  '/chat.css': ['chat.css', 'text/css; charset=utf-8'],
  '/chat.js': ['chat.js', 'text/javascript; charset=utf-8'],
};

async function page({ path }: HttpScope, send: Send): Promise<void> {
  const [file, type = 'text/html; charset=utf-8'] = files[path] ?? [];
  const body = file
    ? await readFile(new URL(file, import.meta.url))
    : Buffer.from(path === '/' ? html : 'Not found');
  const headers = [
    ['content-type', type],
    ['content-security-policy', "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"],
    ['x-content-type-options', 'nosniff'],
    ['cache-control', 'no-cache'],
  ] as const;
  await send({ type: 'http.response.start', status: file || path === '/' ? 200 : 404, headers });
  await send({ type: 'http.response.body', body });
}

const html = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Chat</title>
  <link rel="stylesheet" href="/chat.css">
  <script type="module" src="/chat.js"></script>
</head>
<body>
  <header>
    <h1># lobby</h1>
    <p id="here"></p>
    <p id="state" role="status" data-state="away">not connected</p>
  </header>
  <main>
    <ol id="log" role="log" aria-label="Messages" tabindex="0"></ol>
  </main>
  <button id="newer" type="button" hidden>New messages below</button>
  <p id="notice" role="alert"></p>
  <form id="join">
    <label for="nick">Your name</label>
    <input id="nick" maxlength="${limits.nick}" autocomplete="nickname" required>
    <button>Join</button>
  </form>
  <form id="say" hidden>
    <label for="text">Message</label>
    <input id="text" maxlength="${limits.text}" autocomplete="off" required>
    <button>Send</button>
  </form>
</body>
</html>
`;
