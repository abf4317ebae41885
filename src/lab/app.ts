// The lab as an async app: its page, its cells as Server-Sent Events, and the two orders that start something.
import { readFile } from 'node:fs/promises';

import type { AsyncApp, HttpScope, Receive, Send } from '../async/interface.ts';
import { type HeaderList, utf8 } from '../core/bytes.ts';
import { deferred } from '../core/deferred.ts';
import { ContractError, HttpError } from '../core/errors.ts';
import { refusal } from './admission.ts';
import { race, shoot } from './load.ts';
import type { CellId, Code, Kind } from './messages.ts';
import { raceOrder, restartOrder, sendOrder } from './orders.ts';
import { type Runner, subjectFile } from './runner.ts';

/** One request to the lab. */
interface Visit {
  readonly scope: HttpScope;
  readonly receive: Receive;
  readonly send: Send;
}

/** Until a subject's answer is given up. */
const deadline = 15_000;
/** A comment on the event stream, so that a connection that nobody holds any more is noticed. */
const heartbeat = 15_000;
const maxOrder = 4096;

const safe: HeaderList = [
  [
    'content-security-policy',
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
];

/** What is in page/, and nothing else. */
const pages: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/lab.css': ['lab.css', 'text/css; charset=utf-8'],
  '/lab.js': ['lab.js', 'text/javascript; charset=utf-8'],
  '/code.js': ['code.js', 'text/javascript; charset=utf-8'],
  '/timeline.js': ['timeline.js', 'text/javascript; charset=utf-8'],
  '/words.js': ['words.js', 'text/javascript; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

/** Event streams end when `closing` aborts, so that the server can. */
export function labApp(runner: Runner, closing: AbortSignal): AsyncApp {
  let racing = false;

  const routes: Readonly<Record<string, (visit: Visit) => Promise<void>>> = {
    'GET /api/cells': (visit) => cells(visit, runner, closing),
    'GET /api/code': async (visit) => json(visit, await code()),
    'POST /api/send': async (visit) => {
      const { cell, path } = sendOrder(await order(visit));
      await json(visit, await shoot(`${urlOf(runner, cell)}${path}`, { deadline, signal: closing }));
    },
    'POST /api/restart': async (visit) => {
      runner.restart(restartOrder(await order(visit)));
      await json(visit, {});
    },
    'POST /api/race': async (visit) => {
      const wanted = raceOrder(await order(visit));
      if (racing) throw new HttpError(409, 'A race is running: two at once would measure each other');
      racing = true;
      try {
        const urls = new Map(wanted.cells.map((cell) => [cell, urlOf(runner, cell)]));
        await lines(visit, race(urls, wanted, deadline));
      } finally {
        racing = false;
      }
    },
  };

  return async (scope, receive, send) => {
    if (scope.type !== 'http') throw new ContractError('A-04', `The lab does not speak "${scope.type}"`);
    const visit = { scope, receive, send };
    try {
      const refused = refusal(scope.method, scope.headers);
      if (refused) throw new HttpError(refused.status, refused.why);
      const route = routes[`${scope.method} ${scope.path}`];
      await (route ?? page)(visit);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      await answer(visit, error.status, 'text/plain; charset=utf-8', utf8(`${error.message}\n`));
    }
  };
}

async function page(visit: Visit): Promise<void> {
  const { path, method } = visit.scope;
  const [file, type] = pages[path] ?? [];
  if (!file || !type) throw new HttpError(404, `There is no ${method} "${path}" here`);
  if (method !== 'GET' && method !== 'HEAD') throw new HttpError(405, `"${path}" can only be read`);
  await answer(visit, 200, type, await readFile(new URL(`./page/${file}`, import.meta.url)));
}

/** All cells now, and again at each change. */
async function cells({ receive, send }: Visit, runner: Runner, closing: AbortSignal): Promise<void> {
  let wake = deferred();
  const ring = (): void => wake.resolve();
  const stop = runner.subscribe(ring);
  const timer = setInterval(ring, heartbeat);
  const left = AbortSignal.any([closing, disconnected(receive)]);
  left.addEventListener('abort', ring);
  try {
    await send(head(200, 'text/event-stream'));
    while (!left.aborted) {
      wake = deferred();
      const event = utf8(`data: ${JSON.stringify(runner.cells)}\n\n`);
      await send({ type: 'http.response.body', body: event, more_body: true });
      if (!left.aborted) await wake.promise;
    }
    await send({ type: 'http.response.body' });
  } finally {
    clearInterval(timer);
    stop();
  }
}

/** One JSON value a line, each sent when it is there. */
async function lines({ send }: Visit, events: AsyncIterable<unknown>): Promise<void> {
  await send(head(200, 'application/x-ndjson'));
  for await (const event of events) {
    await send({ type: 'http.response.body', body: utf8(`${JSON.stringify(event)}\n`), more_body: true });
  }
  await send({ type: 'http.response.body' });
}

function disconnected(receive: Receive): AbortSignal {
  const controller = new AbortController();
  const watch = async (): Promise<void> => {
    while ((await receive()).type !== 'http.disconnect');
  };
  watch().then(
    () => controller.abort(),
    (error: unknown) => controller.abort(error),
  );
  return controller.signal;
}

/** The request's JSON. Throws HttpError 400 and 413. */
async function order({ receive }: Visit): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let more = true; more; ) {
    const event = await receive();
    if (event.type !== 'http.request') throw new HttpError(400, 'The order broke off');
    chunks.push(event.body);
    size += event.body.length;
    if (size > maxOrder) throw new HttpError(413, `An order has at most ${maxOrder} bytes`);
    more = event.more_body;
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new HttpError(400, 'The order is not JSON', { cause: error });
  }
}

function urlOf(runner: Runner, cell: CellId): string {
  const state = runner.state(cell);
  if (state.name === 'ready') return state.url;
  const why = state.name === 'down' ? `is down: it ${state.why}` : 'is still starting';
  throw new HttpError(503, `The server of this cell ${why}`);
}

async function code(): Promise<Code> {
  const read = async (kind: Kind): Promise<{ file: string; text: string }> => {
    const url = subjectFile(kind);
    return { file: url.pathname.split('/').at(-1) ?? '', text: await readFile(url, 'utf8') };
  };
  return { sync: await read('sync'), async: await read('async') };
}

async function json(visit: Visit, value: unknown): Promise<void> {
  await answer(visit, 200, 'application/json', utf8(JSON.stringify(value)));
}

async function answer({ send }: Visit, status: number, type: string, body: Uint8Array): Promise<void> {
  await send(head(status, type));
  await send({ type: 'http.response.body', body });
}

function head(
  status: number,
  type: string,
): { type: 'http.response.start'; status: number; headers: HeaderList } {
  const headers: HeaderList = [['content-type', type], ['cache-control', 'no-store'], ...safe];
  return { type: 'http.response.start', status, headers };
}
