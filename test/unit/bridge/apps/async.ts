// An async app of many behaviours, one a path, for the tests of the bridge that carries it.
import type { AsyncApp, HttpScope, Receive, Send } from '../../../../src/async/interface.ts';
import { Disconnected } from '../../../../src/core/errors.ts';

type Behaviour = (scope: HttpScope, receive: Receive<'http'>, send: Send) => Promise<void>;

const utf8 = new TextEncoder();
let startups = 0;
/** What apps did after their caller was gone: asked for by `/marks`. */
const marks: string[] = [];

const start = (headers: [string, string][] = [['content-type', 'text/plain']], status = 200) =>
  ({ type: 'http.response.start', status, headers }) as const;
const body = (text: string | Uint8Array, more = false) =>
  ({
    type: 'http.response.body',
    body: typeof text === 'string' ? utf8.encode(text) : text,
    more_body: more,
  }) as const;

async function answer(send: Send, text: string): Promise<void> {
  await send(start());
  await send(body(text));
}

const behaviours: Record<string, Behaviour> = {
  '/hello': (_scope, _receive, send) => answer(send, 'hello'),
  async '/scope'({ extensions, ...scope }, _receive, send) {
    const { signal } = extensions['dualgate.disconnect'] ?? {};
    const shown = { ...scope, lane: extensions['dualgate.lane'], signal: signal instanceof AbortSignal };
    await answer(send, JSON.stringify(shown));
  },
  async '/echo'(_scope, receive, send) {
    await send(start());
    for (;;) {
      const event = await receive();
      if (event.type === 'http.disconnect') return;
      await send(body(event.body, event.more_body));
      if (!event.more_body) return;
    }
  },
  async '/size'(_scope, receive, send) {
    let size = 0;
    for (;;) {
      const event = await receive();
      if (event.type === 'http.disconnect') return void marks.push(`size ${size} gone`);
      size += event.body.length;
      if (!event.more_body) return answer(send, String(size));
    }
  },
  async '/catch'(_scope, receive, send) {
    await receive().then(
      ({ type }) => answer(send, type),
      (error: Error & { status?: number }) => answer(send, `${error.name} ${error.status}: ${error.message}`),
    );
  },
  async '/bare'(_scope, _receive, send) {
    await send({ type: 'http.response.start', status: 299 });
    await send({ type: 'http.response.body' });
  },
  async '/bare-head'(_scope, _receive, send) {
    await send(start([['x-head', 'early']]));
    await send({ type: 'http.response.body', more_body: true });
    await send(body('late'));
  },
  async '/connection'(_scope, _receive, send) {
    await send(start([['Connection', 'close'], ['X-Kept', 'yes'], ['Transfer-Encoding', 'chunked']])); // biome-ignore format: one line
    await send(body('ok'));
  },
  async '/nothing'() {},
  async '/start-only'(_scope, _receive, send) {
    await send(start());
  },
  async '/half'(_scope, _receive, send) {
    await send(start());
    await send(body('half', true));
  },
  async '/throws'() {
    throw new RangeError('out of it', { cause: new TypeError('the reason') });
  },
  async '/throws-late'(_scope, _receive, send) {
    await send(start());
    await send(body('some', true));
    throw new RangeError('too late');
  },
  async '/throws-after'(_scope, _receive, send) {
    await answer(send, 'fine');
    throw new RangeError('after all');
  },
  async '/body-first'(_scope, _receive, send) {
    await send(body('no head'));
  },
  async '/too-long'(_scope, _receive, send) {
    await send(start([['content-length', '3']]));
    await send(body('123456789'));
  },
  async '/exact'(_scope, _receive, send) {
    await send(start([['content-length', '5']]));
    await send(body('exact', true));
    await send(body(''));
    marks.push('exact went on');
  },
  async '/counted'(_scope, _receive, send) {
    let sent = 0;
    await send(start());
    try {
      for (; ; sent++) await send(body(new Uint8Array(16 * 1024), true));
    } catch (error) {
      marks.push(`counted ${sent} ${(error as Error).name}`);
      throw error;
    }
  },
  async '/drip'(_scope, _receive, send) {
    await send(start());
    for (let i = 0; i < 5; i++) await send(body(`${i}`, true));
    await send(body('.'));
  },
  async '/big'({ query_string: query }, _receive, send) {
    await send(start());
    const all = Uint8Array.from({ length: Number(query) }, (_, i) => i % 251);
    await send(body(all));
  },
  async '/waits'(_scope, receive, send) {
    await receive();
    await send(start());
    await send(body('waiting', true));
    const { type } = await receive();
    marks.push(`waits ${type}`);
    await send(body('nobody reads this')).catch((error: Error) => marks.push(`waits ${error.name}`));
  },
  async '/signal'({ extensions }, receive) {
    await receive();
    // The bridge put it there.
    const signal = extensions['dualgate.disconnect']?.['signal'] as AbortSignal;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    marks.push(`signal ${(signal.reason as Error).name}`);
  },
  async '/receives'(_scope, receive, send) {
    const first = await receive();
    const rest = Promise.all([receive(), receive()]);
    await send(start());
    await send(body('sent while receiving'));
    marks.push(`receives ${first.type} ${(await rest).map(({ type }) => type).join(' ')}`);
  },
  /** Says the first word while it already listens. */
  async '/greets'(_scope, receive, send) {
    const heard = receive();
    await send(start());
    await send(body('hello?', true));
    const event = await heard;
    await send(body(event.type === 'http.request' ? event.body : event.type));
  },
  async '/background'(_scope, _receive, send) {
    await answer(send, 'done');
    await new Promise((resolve) => setTimeout(resolve, 300));
    marks.push('background over');
  },
  async '/slow'(_scope, _receive, send) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    await answer(send, 'slow');
  },
  async '/silent'(_scope, receive) {
    while ((await receive()).type === 'http.request');
  },
  async '/spin'() {
    for (;;);
  },
  async '/exit'() {
    process.exit(7);
  },
  /** Once it has answered, a timer throws, or a promise is rejected that nobody handles. */
  async '/uncaught'(_scope, _receive, send) {
    setTimeout(() => {
      throw new RangeError('nobody catches this');
    });
    await answer(send, 'thrown');
  },
  async '/unhandled'(_scope, _receive, send) {
    void Promise.reject(new RangeError('nobody handles this'));
    await answer(send, 'rejected');
  },
  async '/forgets'(_scope, _receive, send) {
    void Promise.reject(new Disconnected());
    await answer(send, 'forgotten');
  },
  async '/exhausts'() {
    const all: number[][] = [];
    for (;;) all.push(new Array(100_000).fill(1.5));
  },
  async '/stays'(_scope, _receive, send) {
    await send(start());
    await send(body('staying', true));
    await new Promise(() => {});
  },
  /** One letter a step: what the app does is its caller's choice. */
  async '/script'({ query_string: query }, receive, send) {
    const sends: Promise<void>[] = [];
    const give = (sent: Promise<void>): void => {
      sends.push(sent);
      sent.catch(() => {});
    };
    for (const step of query) {
      if (step === 'r') await receive();
      if (step === 'R') receive().catch(() => {});
      if (step === 's') await send(start());
      if (step === 'b') await send(body('small', true));
      if (step === 'B') await send(body(new Uint8Array(200_000), true));
      if (step === 'u') give(send(body('not awaited', true)));
      if (step === 'z') await send(body('', true));
      if (step === 'e') await send(body('end'));
      if (step === 'E') give(send(body('end')));
      if (step === 't') throw new Error('as the script says');
      if (step === 'w') await new Promise((resolve) => setTimeout(resolve, 2));
      if (step === 'd') while ((await receive()).type !== 'http.disconnect');
    }
    await Promise.all(sends);
  },
  async '/marks'({ query_string: query }, _receive, send) {
    const until = performance.now() + 5000;
    while (!marks.some((mark) => mark.startsWith(query)) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await answer(send, marks.filter((mark) => mark.startsWith(query)).join('\n'));
  },
};

export const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type === 'websocket') throw new Error('no sockets here');
  if (scope.type === 'http') {
    // A scope of http comes with a receive of http.
    return (behaviours[scope.path] ?? missing)(scope, receive as Receive<'http'>, send);
  }
  await receive();
  startups += 1;
  scope.state['startups'] = startups;
  await send({ type: 'lifespan.startup.complete' });
  await receive();
  await send({ type: 'lifespan.shutdown.complete' });
};

const missing: Behaviour = async (_scope, _receive, send) => {
  await send(start([], 404));
  await send(body('not found'));
};

export const refuses: AsyncApp = async (_scope, receive, send) => {
  await receive();
  await send({ type: 'lifespan.startup.failed', message: 'no database' });
};

/** An app whose database is away at times: a thread has the variables as they are when it starts. */
export const refusesAtTimes: AsyncApp = (scope, receive, send) => {
  const away = scope.type === 'lifespan' && process.env['DUALGATE_TEST_AWAY'] === 'yes';
  return (away ? refuses : app)(scope, receive, send);
};
