// Apps that fail: what the client sees, what the log says, and that nobody else notices.
import { type Sight, watch } from '../support/far-client.ts';
import { type Answer, once, RawClient } from '../support/raw-client.ts';
import { area, conformance, type Context, noFlush } from './matrix.ts';

const host = 'host: gate.test';

async function get(context: Pick<Context, 'url' | 'path'>, mode: string, query = {}): Promise<Answer> {
  return await once(context.url, [`GET ${context.path(mode, query)} HTTP/1.1`, host]);
}

/** The same, but the app goes on only when its first piece (`sign`) has arrived: a client on a thread of its own sees it. */
async function paced(
  { url, path, report }: Context,
  mode: string,
  version = '1.1',
  query: Record<string, string | number> = {},
  sign = 'some',
): Promise<Sight> {
  const target = path(mode, { ...query, paced: 1 });
  const request = `GET ${target} HTTP/${version}\r\n${host}\r\nconnection: close\r\n\r\n`;
  return await watch(url, request, [{ text: `\r\n${sign}`, file: report.gateFile('seen') }]);
}

area('errors', () => {
  conformance('http', 'thrower', '[W-83][A-08] an app that throws before its head: 500', async (context) => {
    const { expect, log } = context;
    for (const mode of ['before', 'started', 'first']) {
      const answer = await get(context, mode);
      expect(answer.status, mode).toBe(500);
      expect(answer.complete, mode).toBe(true);
      expect(answer.get('x-started'), mode).toBeUndefined();
      expect(answer.text, mode).not.toContain('secret');
      await log.until(`secret-${mode}`);
      const lines = log.troubles.filter(({ fields }) => JSON.stringify(fields.error ?? '') !== '""');
      expect(lines.length, `${mode} is logged once`).toBeGreaterThan(0);
    }
  });

  conformance(
    'http',
    'thrower',
    "[W-83][A-08] the log has the app's own stack, once",
    async (context) => {
      const { expect, start, path } = context;
      const { url, log, close } = await start({ threads: 1 });
      await once(url, [`GET ${path('before')} HTTP/1.1`, host]);
      await log.until('secret-before');
      await close(0);
      expect(log.text).toMatch(/apps\/thrower\.ts/);
      expect(log.text.match(/Error: secret-before/g)).toHaveLength(1);
      expect(log.troubles).toHaveLength(1);
      expect(log.troubles[0]?.level).toBe('error');
    },
    { alone: true },
  );

  conformance(
    'http',
    'thrower',
    '[W-83][A-08] the next request on the connection is right',
    async (context) => {
      const { raw, path, expect } = context;
      const client = await raw();
      client.request(`GET ${path('before')} HTTP/1.1`, host);
      const answer = await client.answer();
      expect(answer.status).toBe(500);
      if (answer.get('connection') === 'close') return;
      client.request('GET /length/list?pieces=3 HTTP/1.1', host);
      expect((await client.answer()).text).toBe('000');
    },
  );

  for (const mode of ['after', 'written']) {
    const id = mode === 'written' ? '[W-83]' : '[W-83][A-08]';
    conformance(
      'http',
      'thrower',
      `${id} after its head the connection is cut (${mode})`,
      async (context) => {
        const { expect, log, report } = context;
        const { text } = await paced(context, mode);
        expect(text).toMatch(/^HTTP\/1\.1 200 /);
        expect(text).toContain('some');
        expect(text).not.toMatch(/0\r\n\r\n$/);
        await log.until(`secret-${mode}`);
        if (mode === 'after') await report.first('close');
      },
    );

    const old = `${id} … on HTTP/1.0 with a reset: its end would look whole (${mode})`;
    conformance(
      'http',
      'thrower',
      old,
      async (context) => {
        const { expect, log } = context;
        const { text, ending } = await paced(context, mode, '1.0');
        expect(text).toMatch(/^HTTP\/1\.1 200 /);
        expect(text).not.toMatch(/content-length/i);
        expect(ending).toBe('reset');
        await log.until(`secret-${mode}`);
      },
      mode === 'written' ? { except: noFlush } : {},
    );

    const soon = `${id} what fails at once is never answered as if complete (${mode})`;
    conformance('http', 'thrower', soon, async (context) => {
      const { expect, log } = context;
      const answer = await get(context, mode);
      // Nothing may have left yet, and then a 500 is the better answer.
      expect([answer.status, answer.complete]).toEqual(answer.status === 500 ? [500, true] : [200, false]);
      await log.until(`secret-${mode}`);
    });
  }

  conformance(
    'http',
    'thrower',
    '[W-83][A-08] what fails behind the answer is logged, not answered',
    async (context) => {
      const { expect, log } = context;
      const answer = await get(context, 'close');
      expect(answer.status).toBe(200);
      expect(answer.text).toBe('some');
      expect(answer.complete).toBe(true);
      await log.until('secret-close');
    },
  );

  conformance('http', 'thrower', '[W-83][A-08] anything may be thrown', async (context) => {
    const answer = await get(context, 'string');
    context.expect(answer.status).toBe(500);
    await context.log.until('secret-string');
  });

  conformance('http', 'thrower', '[W-64][A-37] an app that never starts an answer: 500', async (context) => {
    const { expect, log, carrier } = context;
    for (const mode of carrier.kind === 'sync' ? ['never', 'never-empty'] : ['never', 'only-start']) {
      log.clear();
      const answer = await get(context, mode);
      expect(answer.status, mode).toBe(500);
      expect(answer.get('x-started'), mode).toBeUndefined();
      await log.until(carrier.kind === 'sync' ? 'W-' : 'A-37');
    }
  });

  conformance('http', 'thrower', '[A-37] an app that leaves its answer unfinished: cut', async (context) => {
    const { expect, log } = context;
    const { text } = await paced(context, 'unfinished');
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).not.toMatch(/0\r\n\r\n$/);
    await log.until('A-37');
  });

  conformance(
    'http',
    'thrower',
    '[W-72] what is no iterable of bytes is answered with 500',
    async (context) => {
      const { expect, log } = context;
      for (const mode of ['nothing', 'number', 'text']) {
        log.clear();
        const answer = await get(context, mode);
        expect(answer.status, mode).toBe(500);
        expect(answer.text, mode).not.toContain('a string');
        await log.until('W-7');
      }
    },
  );

  conformance('http', 'length', '[W-79] no more bytes than the Content-Length leave', async (context) => {
    const { expect, raw, path, report } = context;
    const client = await raw();
    client.request(`GET ${path('yield', { length: 4, pieces: '3,3,3,3' })} HTTP/1.1`, host);
    const answer = await client.answer();
    expect(answer.all('content-length')).toEqual(['4']);
    expect(answer.text).toBe('0001');
    await report.first('close');
    expect(report.notes('piece').length).toBeLessThan(4);
    if (client.ending) return;
    // Nothing of the surplus is in front of the next answer.
    client.request('GET /length/list?pieces=2 HTTP/1.1', host);
    const next = await client.head().catch(() => null);
    if (next) expect(next.status).toBe(200);
  });

  conformance('http', 'length', '[W-79] write() past the Content-Length throws', async (context) => {
    const { expect, url, path, report } = context;
    await using client = await RawClient.open(url);
    const target = path('write', { length: 4, pieces: '3,3,3' });
    client.request(`GET ${target} HTTP/1.1`, host, 'connection: close');
    expect((await report.first('refused'))['clause']).toBe('W-79');
    const { rest } = await client.closed();
    expect(rest.toString('latin1')).toMatch(/^$|^HTTP\/1\.1 500 |\r\n\r\n[01]{0,4}$/);
  });

  conformance('http', 'length', '[A-38] more bytes than the Content-Length are refused', async (context) => {
    const { expect, url, path, report, log } = context;
    await using client = await RawClient.open(url);
    const target = path('yield', { length: 4, pieces: '3,3,3' });
    client.request(`GET ${target} HTTP/1.1`, host, 'connection: close');
    expect((await report.first('refused'))['clause']).toBe('A-38');
    const { rest } = await client.closed();
    expect(rest.toString('latin1')).toMatch(/^$|^HTTP\/1\.1 500 |\r\n\r\n[01]{0,3}$/);
    await log.until('A-38');
  });

  conformance('http', 'length', '[W-80][A-38] too few bytes: cut, and logged', async (context) => {
    const { expect, log, carrier } = context;
    for (const mode of carrier.kind === 'sync' ? ['yield', 'write'] : ['yield']) {
      log.clear();
      const { text } = await paced(context, mode, '1.1', { length: 9, pieces: '3,3' }, '000');
      expect(text, mode).toMatch(/^HTTP\/1\.1 200 [\s\S]*content-length: 9/i);
      expect(text, mode).toMatch(/\r\n\r\n000(111)?$/);
      await log.until(carrier.kind === 'sync' ? 'W-80' : 'A-38');
    }
  });

  conformance('http', 'length', '[W-80][A-38] … and never answered as if complete', async (context) => {
    const { expect, log, carrier } = context;
    const answer = await get(context, 'yield', { length: 9, pieces: '3,3' });
    expect([answer.status, answer.complete]).toEqual(answer.status === 500 ? [500, true] : [200, false]);
    await log.until(carrier.kind === 'sync' ? 'W-80' : 'A-38');
  });

  conformance('http', 'errors', '[W-31] wsgi.errors reaches the log, line by line', async (context) => {
    const { expect, url, path, log } = context;
    const answer = await once(url, [`GET ${path('', { word: 'mine' })} HTTP/1.1`, host]);
    expect(answer.text).toBe('written');
    await log.until('mine-unfinished');
    const written = log.lines.filter(({ message }) => message.startsWith('mine-'));
    expect(written.map(({ message }) => message)).toEqual([
      'mine-one',
      'mine-two',
      'mine-thr\u00e9\u20ac',
      'mine-unfinished',
    ]);
  });

  conformance(
    'http',
    'infinite',
    '[-][A-09] a client that goes away is no error',
    async (context) => {
      const { expect, path, report, start } = context;
      const { url, log, close } = await start({ threads: 1 });
      await using client = await RawClient.open(url);
      client.request(`GET ${path()} HTTP/1.1`, host);
      await client.until('\r\n\r\n');
      client.reset();
      await report.first('stopped');
      expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
      await close(0);
      expect(log.troubles.map(({ message }) => message)).toEqual([]);
    },
    { alone: true },
  );

  conformance(
    'http',
    'reflect',
    'a malformed request is refused, and the app never called',
    async (context) => {
      const { expect, raw } = context;
      for (const head of [
        'GET / HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
        'GET / HTTP/1.1\r\nhost : a\r\n\r\n',
        'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n',
        'nonsense\r\n\r\n',
      ]) {
        const client = await raw();
        const answer = await client.send(head).answer();
        expect(answer.status, JSON.stringify(head)).toBe(400);
        expect(answer.text).not.toContain('PATH_INFO');
        expect((await client.closed()).rest).toHaveLength(0);
      }
    },
  );
});
