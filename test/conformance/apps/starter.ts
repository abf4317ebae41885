// Heads, good and bad, early, late and twice: what the server says to the app about them is the answer.
import type { HeaderList } from '../../../src/core/bytes.ts';
import type { Receive, Scope, Send, SendEvent } from '../../../src/async/interface.ts';
import type {
  Environ,
  ResponseBody,
  ResponseHeaders,
  StartResponse,
  StatusLine,
  SyncApp,
} from '../../../src/sync/interface.ts';
import { gate, gateSync, note } from '../../support/report.ts';
import { type Asked, askedOf, bytesOf, encode, json, plain } from './asked.ts';

type Mode = (startResponse: StartResponse, asked: Asked) => ResponseBody;

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const asked = askedOf(environ);
  return modes[asked.mode]?.(startResponse, asked) ?? [];
};

const modes: Readonly<Record<string, Mode>> = {
  /** Calls with a bad head; what was thrown, and whether this very file is in its stack, is the answer. */
  bad(startResponse, { query }) {
    const error = refusal(() => startResponse(...badHead(query)));
    startResponse('200 OK', [...json], new Error('a good head instead'));
    return [encode(error)];
  },
  good(startResponse) {
    const write = startResponse('201 Made Here', [
      ['X-First', '1'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['X-Latin', 'caf\u00e9'],
      ['X-Empty', ''],
    ]);
    return [encode(typeof write)];
  },
  /** A second call, first after a good one, then after a refused one; both without an error. */
  twice(startResponse) {
    startResponse('200 OK', [...plain]);
    const second = refusal(() => startResponse('404 Not Found', [...plain]));
    startResponse('200 OK', [...json], new Error('a good head instead'));
    return [encode(second)];
  },
  'twice-after-bad'(startResponse) {
    refusal(() => startResponse('200 OK', [['bad name', 'x']]));
    const second = refusal(() => startResponse('200 OK', [...plain]));
    startResponse('200 OK', [...json], new Error('a good head instead'));
    return [encode(second)];
  },
  replace(startResponse) {
    startResponse('200 OK', [['x-old', 'yes']]);
    startResponse('503 Try Later', [...plain, ['x-new', 'yes']], new Error('changed my mind'));
    return [bytesOf('replaced')];
  },
  /** Empty pieces have not sent the head yet. */
  *'replace-late'(startResponse) {
    startResponse('200 OK', [['x-old', 'yes']]);
    yield new Uint8Array(0);
    startResponse('503 Try Later', [...plain, ['x-new', 'yes']], new Error('changed my mind'));
    yield bytesOf('replaced');
  },
  *'error-late'(startResponse, { report }) {
    startResponse('200 OK', [...plain]);
    yield bytesOf('some');
    gateSync(report, 'seen');
    const mine = new Error('secret-late');
    try {
      startResponse('500 Too Late', [...plain], mine);
    } catch (error) {
      note(report, 'rethrown', { same: error === mine });
      throw error;
    }
  },
  *'in-iteration'(startResponse) {
    startResponse('404 Not Here', [...plain, ['x-late', 'yes']]);
    yield bytesOf('found nothing');
  },
  /** Empty pieces come before the head: they are not a body yet. */
  *'in-second'(startResponse) {
    yield new Uint8Array(0);
    startResponse('404 Not Here', [...plain, ['x-late', 'yes']]);
    yield bytesOf('found nothing');
  },
  'own-date'(startResponse) {
    startResponse('200 OK', [...plain, ['Date', 'Tue, 15 Nov 1994 08:12:31 GMT'], ['Server', 'mine']]);
    return [bytesOf('dated')];
  },
  /** write(): before the iterable, and only bytes. */
  write(startResponse) {
    const write = startResponse('200 OK', [...plain]);
    write(bytesOf('one,'));
    write(new Uint8Array(0));
    write(bytesOf('two,'));
    // What a careless app does; the types forbid it.
    const refused = refusal(() => write('text' as unknown as Uint8Array));
    return [bytesOf('three,'), bytesOf(refused.clause ?? 'not refused')];
  },
  'write-only'(startResponse) {
    const write = startResponse('200 OK', [...plain]);
    write(bytesOf('all of it'));
    return [];
  },
};

interface Refusal {
  readonly clause?: string;
  readonly message?: string;
  /** The error was made while this file's code was running. */
  readonly here?: boolean;
}

function refusal(attempt: () => unknown): Refusal {
  try {
    attempt();
    return {};
  } catch (error) {
    return refusalOf(error);
  }
}

function refusalOf(error: unknown): Refusal {
  const { message, stack = '' } = error as Error; // the contract throws errors
  return {
    clause: String(Reflect.get(error as Error, 'clause')),
    message,
    here: stack.includes('/apps/starter.'),
  };
}

/** `status` and `headers` (JSON) of the query, whatever they are. */
function badHead(query: URLSearchParams): [StatusLine, ResponseHeaders] {
  // On purpose: these are the heads that the types forbid.
  return [query.get('status') as StatusLine, JSON.parse(query.get('headers') ?? '[]') as ResponseHeaders];
}

export async function async(scope: Scope, receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { mode, query, report } = askedOf(scope);
  const attempt = async (event: unknown): Promise<Refusal> => {
    try {
      // On purpose: events that the types forbid.
      await send(event as SendEvent);
      return {};
    } catch (error) {
      return refusalOf(error);
    }
  };
  if (mode === 'events') {
    const { before, bad } = JSON.parse(query.get('events') ?? '{}') as { before: unknown[]; bad: unknown[] };
    for (const event of before) await send(event as SendEvent);
    const refused: Refusal[] = [];
    for (const event of bad) refused.push(await attempt(revived(event)));
    if (before.length === 0) await send({ type: 'http.response.start', status: 200, headers: json });
    await send({ type: 'http.response.body', body: encode(refused) });
    return;
  }
  if (mode === 'good') {
    const extra = { unheard_of: 1, nested: { deep: true } };
    const headers: HeaderList = [
      ['X-First', '1'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['X-Latin', 'caf\u00e9'],
      ['X-Empty', ''],
      ['Transfer-Encoding', 'chunked'],
    ];
    await send({ type: 'http.response.start', status: 201, headers, ...extra });
    await send({ type: 'http.response.body', body: bytesOf('made'), ...extra });
    return;
  }
  if (mode === 'own-date') {
    await send({
      type: 'http.response.start',
      status: 200,
      headers: [...plain, ['date', 'Tue, 15 Nov 1994 08:12:31 GMT'], ['server', 'mine']],
    });
    await send({ type: 'http.response.body', body: bytesOf('dated') });
    return;
  }
  if (mode === 'minimal') {
    await send({ type: 'http.response.start', status: 200 });
    await send({ type: 'http.response.body' });
    return;
  }
  if (mode === 'again') {
    await send({ type: 'http.response.start', status: 200, headers: plain });
    await send({ type: 'http.response.body', body: bytesOf('whole') });
    const late = await attempt({ type: 'http.response.body', body: bytesOf('too late') });
    const more = await attempt({ type: 'http.response.body', body: bytesOf('too late'), more_body: true });
    const events: string[] = [];
    for (let index = 0; index < 3; index += 1) events.push((await receive()).type);
    note(report, 'afterwards', { late, more, events });
    return;
  }
  if (mode === 'behind') {
    await send({ type: 'http.response.start', status: 200, headers: plain });
    await send({ type: 'http.response.body', body: bytesOf('answered') });
    note(report, 'done', { opened: await gate(report, 'go', 5000) });
    return;
  }
  throw new Error(`There is no mode "${mode}"`);
}

/** JSON has no bytes: `{ "$bytes": "text" }` stands for them. */
function revived(event: unknown): unknown {
  return JSON.parse(JSON.stringify(event), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('$bytes' in value)) return value;
    return bytesOf(String(value.$bytes));
  });
}
