// What a server gives a sync app besides the request itself, and what it keeps its hands off.
import { environKeys, isOurs } from '../../src/sync/environ-keys.ts';
import { once } from '../support/raw-client.ts';
import { area, conformance, type Context } from './matrix.ts';

const host = 'host: gate.test';

async function typesOf(
  { url, path }: Pick<Context, 'url' | 'path'>,
  ...lines: string[]
): Promise<Record<string, string>> {
  const answer = await once(url, [`GET ${path('keys')} HTTP/1.1`, host, ...lines]);
  return (JSON.parse(answer.text) as { types: Record<string, string> }).types; // the app answers with nothing else
}

/** What every request has. */
const everywhere = Object.keys(environKeys).filter((key) => environKeys[key]?.when === 'always');

area('environ', () => {
  conformance(
    'http',
    'given',
    '[W-18] the deployer adds variables of his own',
    async (context) => {
      const { expect, start, path } = context;
      const { url } = await start({ environ: { SITE: 'caf\u00e9', 'shop.currency': 'EUR' }, threads: 1 });
      const answer = await once(url, [`GET ${path('keys')} HTTP/1.1`, host]);
      expect(JSON.parse(answer.text).types).toMatchObject({ SITE: 'octets', 'shop.currency': 'octets' });
      const seen = JSON.parse((await once(url, ['GET /reflect/ HTTP/1.1', host])).text);
      expect([seen['SITE'], seen['shop.currency']]).toEqual(['caf\u00c3\u00a9', 'EUR']);
    },
    { alone: true },
  );

  conformance(
    'http',
    'given',
    "[W-18] … and cannot shadow the server's",
    async ({ expect, start }) => {
      await expect(start({ environ: { PATH_INFO: '/elsewhere' } })).rejects.toMatchObject({ code: 'USAGE' });
    },
    { alone: true },
  );

  conformance(
    'http',
    'given',
    '[W-19] each key that is given is documented, and each documented one is given',
    async (context) => {
      const { expect } = context;
      const types = await typesOf(
        context,
        'x-one: 1',
        'content-length: 0',
        'content-type: text/plain',
        'cookie: a=1',
      );
      const given = Object.keys(types);
      expect(given.filter((key) => !(key in environKeys) && !key.startsWith('HTTP_'))).toEqual([]);
      expect(everywhere.filter((key) => !given.includes(key))).toEqual([]);
      expect(given).toEqual(
        expect.arrayContaining(['HTTP_X_ONE', 'HTTP_COOKIE', 'CONTENT_TYPE', 'REMOTE_ADDR']),
      );
      for (const key of given) expect(key, key).toMatch(/^(?:[A-Z][A-Z0-9_]*|(?:wsgi|dualgate)\.[a-z_]+)$/);
      expect(given.every(isOurs)).toBe(true);
    },
  );

  conformance('http', 'given', '[W-21] each variable is a string of octets', async (context) => {
    const types = await typesOf(context, 'x-latin: caf\u00e9');
    const variables = Object.keys(types).filter((key) => !key.includes('.'));
    context.expect(variables.filter((key) => types[key] !== 'octets')).toEqual([]);
  });

  conformance(
    'http',
    'starter',
    '[W-21] a character beyond U+00FF is refused on the line of the app',
    async (context) => {
      const { expect, url, path } = context;
      for (const [status, headers, clause] of [
        ['200 \u20ac', [], 'W-51'],
        ['200 OK', [['x-euro', '\u20ac']], 'W-54'],
        ['200 OK', [['x-\u20ac', '1']], 'W-53'],
      ] as const) {
        const target = path('bad', { status, headers: JSON.stringify(headers) });
        const answer = await once(url, [`GET ${target} HTTP/1.1`, host]);
        expect(JSON.parse(answer.text)).toMatchObject({ clause, here: true });
      }
    },
  );

  conformance(
    'http',
    'given',
    '[W-22] no extension answers for the app: the functions are those that PEP 3333 knows, and one that only tells',
    async (context) => {
      const types = await typesOf(context);
      const known = ['dualgate.client_disconnected', 'wsgi.early_hints', 'wsgi.file_wrapper'];
      const functions = Object.keys(types).filter((key) => types[key] === 'function');
      context.expect(functions.filter((key) => !known.includes(key))).toEqual([]);
      const objects = Object.keys(types).filter((key) => types[key] === 'object');
      context.expect(objects.sort()).toEqual(['wsgi.errors', 'wsgi.input', 'wsgi.version']);
    },
  );

  conformance(
    'http',
    'given',
    '[W-74] of the iterable nothing is touched but its iterator and close',
    async (context) => {
      const { expect, url, path, report } = context;
      const answer = await once(url, [`GET ${path('touched')} HTTP/1.1`, host]);
      expect(answer.text).toBe('one,two');
      await report.first('closed');
      const touched = report.notes('got').map(({ key }) => key);
      expect([...new Set(touched)].sort()).toEqual(['Symbol(Symbol.iterator)', 'close']);
    },
  );

  conformance(
    'http',
    'given',
    '[W-99] with one thread, calls come one at a time, and wsgi.multithread says so',
    async (context) => {
      const { expect, start, path, report } = context;
      const { url } = await start({ threads: 1 });
      const line = `GET ${path('alone')} HTTP/1.1`;
      const answers = await Promise.all([1, 2, 3, 4].map(() => once(url, [line, host])));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(answers[0]?.text).toMatch(/^(?:loop|thread 1) false$/);
      expect(
        report
          .notes()
          .map(({ what }) => what)
          .join(' '),
      ).toBe(Array(4).fill('in out').join(' '));
    },
    { alone: true },
  );

  conformance(
    'concurrency',
    'given',
    '[W-120] an app that asks hears that its client has gone',
    async (context) => {
      const { expect, raw, path, report } = context;
      const client = await raw();
      client.request(`GET ${path('gone')} HTTP/1.1`, host);
      await report.first('waiting');
      client.reset();
      const seen = await report.first('seen', 8000);
      expect([seen['before'], seen['after']]).toEqual([false, true]);
    },
  );

  conformance(
    'http',
    'given',
    '[W-121] each request has an id of its own, and the log has it',
    async (context) => {
      const { expect, url, path, log } = context;
      const line = `GET ${path('id')} HTTP/1.1`;
      const ids = [];
      for (let index = 0; index < 3; index += 1) ids.push((await once(url, [line, host])).text);
      expect(new Set(ids).size).toBe(3);
      await log.until(ids[2] ?? 'an id');
      const logged = log.lines.filter(({ message }) => message === 'this is the request');
      expect(logged.map(({ fields }) => fields['request'])).toEqual(ids);
    },
  );

  conformance(
    'http',
    'reflect',
    '[W-122] the client, the target as it was sent, and the server',
    async (context) => {
      const { expect, raw } = context;
      const client = await raw();
      client.request('GET /a%20b/../c?x=%C3%A9 HTTP/1.1', host);
      const seen = JSON.parse((await client.answer()).text);
      expect(seen).toMatchObject({
        REMOTE_ADDR: '127.0.0.1',
        REMOTE_PORT: String(client.localPort),
        RAW_URI: '/a%20b/../c?x=%C3%A9',
        SERVER_SOFTWARE: expect.stringMatching(/^dualgate\/\d/),
      });
    },
  );
});
