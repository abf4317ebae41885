// Heads in and out: what an app sees of the client's, and what may and may not be in its own.
import { watch } from '../support/far-client.ts';
import { type Answer, once } from '../support/raw-client.ts';
import { area, conformance, type Context } from './matrix.ts';

const host = 'host: gate.test';
const joined = { 'sync threads ← async': 'an environ has one value for each name' } as const;

interface Refusal {
  readonly clause?: string;
  readonly message?: string;
  readonly here?: boolean;
}

async function refusal({ url, path }: Context, status: unknown, headers: unknown): Promise<Refusal> {
  const query = { status: String(status), headers: JSON.stringify(headers) };
  const answer = await once(url, [`GET ${path('bad', query)} HTTP/1.1`, host]);
  return JSON.parse(answer.text) as Refusal; // the app `starter` answers with nothing else
}

async function get({ url, path }: Context, mode: string): Promise<Answer> {
  return await once(url, [`GET ${path(mode)} HTTP/1.1`, host]);
}

/** What send() said to each of these events, sent after `before`. */
async function refusals({ url, path }: Context, before: unknown[], bad: unknown[]): Promise<Refusal[]> {
  const query = { events: JSON.stringify({ before, bad }) };
  const answer = await once(url, [`GET ${path('events', query)} HTTP/1.1`, host]);
  return JSON.parse(answer.text) as Refusal[]; // as above
}

const start = { type: 'http.response.start', status: 200 };

area('headers', () => {
  conformance(
    'http',
    'reflect',
    '[W-12] a header is a variable, and repeats are joined',
    async ({ url, expect }) => {
      const answer = await once(url, [
        'GET / HTTP/1.1',
        'Host: gate.test',
        'Accept: a/b',
        'X-Odd-Name: 1',
        'cookie: a=1',
        'ACCEPT: c/d;q=0.5',
        'Cookie: b=2',
        'x-latin: caf\u00e9',
        'x-empty:',
      ]);
      const it = JSON.parse(answer.text) as Record<string, string>;
      expect(it['HTTP_ACCEPT']?.replace(', ', ',')).toBe('a/b,c/d;q=0.5');
      expect(it).toMatchObject({
        HTTP_HOST: 'gate.test',
        HTTP_X_ODD_NAME: '1',
        HTTP_COOKIE: 'a=1; b=2',
        HTTP_X_LATIN: 'caf\u00e9',
        HTTP_X_EMPTY: '',
      });
      expect(it).not.toHaveProperty('HTTP_X_MISSING');
    },
  );

  conformance(
    'http',
    'reflect',
    '[A-27] headers keep their order and repeats, in lower case',
    async ({ url, expect }) => {
      const answer = await once(url, [
        'GET / HTTP/1.1',
        'Host: gate.test',
        'Accept: a/b',
        'COOKIE: a=1',
        'accept: c/d',
        'Cookie: b=2',
        'x-latin: caf\u00e9',
      ]);
      expect(JSON.parse(answer.text).headers).toEqual([
        ['host', 'gate.test'],
        ['accept', 'a/b'],
        ['cookie', 'a=1'],
        ['accept', 'c/d'],
        ['cookie', 'b=2'],
        ['x-latin', 'caf\u00e9'],
        ['connection', 'close'],
      ]);
    },
    { except: joined },
  );

  conformance(
    'http',
    'reflect',
    '[A-27] names are in lower case on every carrier',
    async ({ url, expect }) => {
      const answer = await once(url, ['GET / HTTP/1.1', 'Host: gate.test', 'X-Odd-Name: One', 'CoOkIe: a=1']);
      const { headers } = JSON.parse(answer.text);
      expect(headers).toContainEqual(['host', 'gate.test']);
      expect(headers).toContainEqual(['x-odd-name', 'One']);
      expect(headers).toContainEqual(['cookie', 'a=1']);
    },
  );

  conformance(
    'http',
    'reflect',
    "[W-09][A-27] a body's type and length have their own names",
    async (context) => {
      const { url, expect, carrier } = context;
      const lines = ['POST / HTTP/1.1', host, 'Content-Type: text/x', 'Content-Length: 2'];
      const it = JSON.parse((await once(url, lines, 'ab')).text);
      if (carrier.kind === 'sync') {
        expect(it).toMatchObject({ CONTENT_TYPE: 'text/x', CONTENT_LENGTH: '2' });
        expect(it).not.toHaveProperty('HTTP_CONTENT_TYPE');
        expect(it).not.toHaveProperty('HTTP_CONTENT_LENGTH');
        const bare = JSON.parse((await once(url, ['GET / HTTP/1.1', host])).text);
        expect(bare).not.toHaveProperty('CONTENT_TYPE');
        expect(bare['CONTENT_LENGTH'] ?? '').toBe('');
      } else {
        expect(it.headers).toContainEqual(['content-type', 'text/x']);
        expect(it.headers).toContainEqual(['content-length', '2']);
      }
    },
  );

  conformance(
    'http',
    'reflect',
    '[W-23] a name with "_" does not pose as one with "-"',
    async ({ url, expect }) => {
      for (const spoof of ['X_Forwarded_For: spoof', 'X_Forwarded-For: spoof', 'Content_Type: spoof']) {
        for (const lines of [
          ['X-Forwarded-For: real', spoof],
          [spoof, 'X-Forwarded-For: real'],
        ]) {
          const { text } = await once(url, ['GET / HTTP/1.1', host, ...lines]);
          expect(JSON.parse(text)['HTTP_X_FORWARDED_FOR']).toBe('real');
          expect(JSON.parse(text)).not.toHaveProperty('CONTENT_TYPE');
        }
      }
    },
  );

  conformance('http', 'starter', '[W-50] startResponse returns write', async ({ url, path, expect }) => {
    const answer = await once(url, [`GET ${path('good')} HTTP/1.1`, host]);
    expect(answer.text).toBe('"function"');
  });

  conformance('http', 'starter', '[W-52][A-32] a head arrives as it was given', async (context) => {
    const { expect, carrier } = context;
    const answer = await get(context, 'good');
    expect(answer.status).toBe(201);
    if (carrier.kind === 'sync' && !carrier.name.startsWith('async')) expect(answer.reason).toBe('Made Here');
    expect(answer.all('x-first')).toEqual(['1']);
    expect(answer.all('set-cookie')).toEqual(['a=1', 'b=2']);
    expect(answer.all('x-latin')).toEqual(['caf\u00e9']);
    expect(answer.all('x-empty')).toEqual(['']);
    expect(answer.all('transfer-encoding').length).toBeLessThan(2);
    expect(answer.complete).toBe(true);
  });

  conformance('http', 'starter', '[W-51] a bad status is refused', async (context) => {
    const bad = [
      '200',
      '2000 OK',
      '200OK',
      '20 OK',
      'abc OK',
      '200 OK\r\n',
      '200 a\tb\u0000',
      ' 200 OK',
      '',
      '200 \u20ac',
    ];
    for (const status of bad) {
      context.expect((await refusal(context, status, [])).clause, JSON.stringify(status)).toBe('W-51');
    }
  });

  conformance(
    'http',
    'starter',
    '[W-52] headers that are no pairs of strings are refused',
    async (context) => {
      const bad = [{ a: 'b' }, 'a: b', [['a']], [['a', 'b', 'c']], [['a', 1]], [[1, 'a']], ['ab'], [null]];
      for (const headers of bad) {
        context
          .expect((await refusal(context, '200 OK', headers)).clause, JSON.stringify(headers))
          .toBe('W-52');
      }
    },
  );

  conformance('http', 'starter', '[W-53] a bad header name is refused', async (context) => {
    const bad = [
      '',
      'a b',
      'a:',
      'a:b',
      'Status',
      'status',
      'x-',
      'x_',
      'caf\u00e9',
      'a\r\nb',
      'a\u0000',
      '(a)',
    ];
    for (const name of bad) {
      context
        .expect((await refusal(context, '200 OK', [[name, 'x']])).clause, JSON.stringify(name))
        .toBe('W-53');
    }
  });

  conformance('http', 'starter', '[W-54] a bad header value is refused', async (context) => {
    const bad = ['a\r\nSet-Cookie: b', 'a\nb', 'a\rb', 'a\u0000b', 'a\u0007', '\u20ac', 'a\u007f'];
    for (const value of bad) {
      const it = await refusal(context, '200 OK', [['x-bad', value]]);
      context.expect(it.clause, JSON.stringify(value)).toBe('W-54');
    }
  });

  conformance('http', 'starter', '[W-55] hop-by-hop headers are refused', async (context) => {
    const names = ['Connection', 'keep-alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade'];
    for (const name of [...names, 'Proxy-Authenticate', 'Proxy-Authorization']) {
      context.expect((await refusal(context, '200 OK', [[name, 'x']])).clause, name).toBe('W-55');
    }
  });

  conformance('http', 'starter', '[W-56] a bad head is refused on the line that gave it', async (context) => {
    const it = await refusal(context, '200 OK', [['bad name', 'x']]);
    context.expect(it).toMatchObject({ clause: 'W-53', here: true });
    context.expect(it.message).toContain('"bad name"');
  });

  conformance('http', 'starter', '[W-58] a second startResponse needs an error', async (context) => {
    for (const mode of ['twice', 'twice-after-bad']) {
      const answer = await get(context, mode);
      context.expect(answer.status, mode).toBe(200);
      context.expect(JSON.parse(answer.text).clause, mode).toBe('W-58');
    }
  });

  conformance('http', 'starter', '[W-59] an error replaces a head that is unsent', async (context) => {
    for (const mode of ['replace', 'replace-late']) {
      const answer = await get(context, mode);
      context.expect(answer.status, mode).toBe(503);
      context.expect(answer.get('x-old'), mode).toBeUndefined();
      context.expect(answer.get('x-new'), mode).toBe('yes');
      context.expect(answer.text, mode).toBe('replaced');
    }
  });

  conformance('http', 'starter', '[W-60] an error comes back once the head is sent', async (context) => {
    const { expect, report, url, path } = context;
    const request = `GET ${path('error-late')} HTTP/1.1\r\n${host}\r\nconnection: close\r\n\r\n`;
    const { text } = await watch(url, request, [{ text: 'some', file: report.gateFile('seen') }]);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).not.toMatch(/0\r\n\r\n$/);
    expect((await report.first('rethrown'))['same']).toBe(true);
  });

  conformance('http', 'starter', '[W-63] startResponse may come with the first piece', async (context) => {
    for (const mode of ['in-iteration', 'in-second']) {
      const answer = await get(context, mode);
      context.expect(answer.status, mode).toBe(404);
      context.expect(answer.get('x-late'), mode).toBe('yes');
      context.expect(answer.text, mode).toBe('found nothing');
    }
  });

  conformance('http', 'length', '[W-65][-] Date is there, once', async ({ url, path, expect }) => {
    const answer = await once(url, [`GET ${path('list', { pieces: '1' })} HTTP/1.1`, host]);
    expect(answer.all('date')).toHaveLength(1);
    const age = Math.abs(Date.parse(answer.get('date') ?? '') - Date.now());
    expect(age).toBeLessThan(3000);
  });

  conformance('http', 'starter', "[W-65][-] the app's own Date and Server are kept", async (context) => {
    const answer = await get(context, 'own-date');
    context.expect(answer.all('date')).toEqual(['Tue, 15 Nov 1994 08:12:31 GMT']);
    context.expect(answer.all('server')).toEqual(['mine']);
  });

  conformance('http', 'starter', '[A-06] a malformed event is refused', async (context) => {
    const { expect } = context;
    const early: unknown[] = [
      null,
      'http.response.start',
      {},
      { type: 7 },
      { type: 'http.response.unheard.of' },
      { type: 'websocket.accept' },
      { type: 'lifespan.startup.complete' },
      { type: 'http.response.start' },
      { type: 'http.response.start', status: '200' },
      { type: 'http.response.start', status: 99 },
      { type: 'http.response.start', status: 1000 },
      { type: 'http.response.start', status: 200.5 },
      { type: 'http.response.start', status: 200, headers: 'a: b' },
      { type: 'http.response.start', status: 200, headers: [['a']] },
      { type: 'http.response.start', status: 200, headers: [['a', 1]] },
      { type: 'http.response.start', status: 200, headers: [[1, 'a']] },
    ];
    const first = await refusals(context, [], early);
    expect(first.map(({ clause }, index) => [clause, early[index]])).toEqual(
      early.map((event) => ['A-06', event]),
    );
    expect(first.every(({ here }) => here)).toBe(true);
    const late: unknown[] = [
      { type: 'http.response.body', body: 'text' },
      { type: 'http.response.body', body: [1, 2] },
      { type: 'http.response.body', body: 7 },
      { type: 'http.response.body', more_body: 'yes' },
    ];
    const second = await refusals(context, [start], late);
    expect(second.map(({ clause }) => clause)).toEqual(late.map(() => 'A-06'));
  });

  conformance(
    'http',
    'starter',
    '[A-11] an extension that the scope does not list is refused',
    async (context) => {
      const { url, expect } = context;
      const scope = JSON.parse((await once(url, ['GET / HTTP/1.1', host])).text) as { extensions: object };
      const events = {
        'http.response.trailers': { type: 'http.response.trailers', headers: [] },
        'http.response.early_hint': { type: 'http.response.early_hint', links: [] },
        'http.response.pathsend': { type: 'http.response.pathsend', path: '/etc/hostname' },
        'http.response.zerocopysend': { type: 'http.response.zerocopysend', file: 0 },
        'http.response.debug': { type: 'http.response.debug', info: {} },
      };
      const unlisted = Object.entries(events).filter(([name]) => !(name in scope.extensions));
      const bad = unlisted.map(([, event]) => event);
      const clauses = (await refusals(context, [], bad)).map(({ clause }) => clause);
      expect(clauses).toEqual(bad.map(() => 'A-11'));
    },
  );

  conformance('http', 'starter', '[A-07] extra keys are no error', async (context) => {
    const answer = await get(context, 'good');
    context.expect(answer.status).toBe(201);
    context.expect(answer.text).toBe('made');
    const extra = [{ type: 'http.response.body', body: { $bytes: '' }, more_body: true, extra: [1] }];
    context.expect(await refusals(context, [{ ...start, extra: null }], extra)).toEqual([{}]);
  });

  conformance('http', 'starter', '[A-31] a start comes first, and once', async (context) => {
    const { expect } = context;
    const [early] = await refusals(context, [], [{ type: 'http.response.body', body: { $bytes: 'x' } }]);
    expect(early?.clause).toBe('A-31');
    const [again] = await refusals(context, [start], [start]);
    expect(again?.clause).toBe('A-31');
  });

  conformance(
    'http',
    'starter',
    '[A-31] a start and a body need no more than their type',
    async (context) => {
      const answer = await get(context, 'minimal');
      context.expect(answer.status).toBe(200);
      context.expect(answer.body).toHaveLength(0);
      context.expect(answer.complete).toBe(true);
    },
  );

  conformance('http', 'starter', '[A-32] a header that would break the head is refused', async (context) => {
    const bad = [
      ['a b', 'x'],
      ['', 'x'],
      ['a\r\nb', 'x'],
      ['x', 'a\r\nb: c'],
      ['x', 'a\u0000'],
      ['x', '\u20ac'],
    ];
    const events = bad.map((header) => ({ ...start, headers: [header] }));
    const clauses = (await refusals(context, [], events)).map(({ clause }) => clause);
    context.expect(clauses).toEqual(bad.map(() => 'A-32'));
  });
});
