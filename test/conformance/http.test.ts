// What an app is told of a request, and how requests follow each other on a connection.
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Answer, once, RawClient } from '../support/raw-client.ts';
import { area, type Carrier, conformance, type Context } from './matrix.ts';

type Seen = Record<string, unknown> & { readonly headers: [string, string][] };

const host = 'host: gate.test';

/** What the app saw of a request with these lines. */
async function seen({ url }: Pick<Context, 'url'>, ...lines: string[]): Promise<Seen> {
  const answer = await once(url, lines);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return parsed(answer);
}

function parsed(answer: Answer): Seen {
  return JSON.parse(answer.text) as Seen; // the app `reflect` answers with nothing else
}

/** The value of the sync key where the app is sync, else of the async one. */
function of(carrier: Carrier, from: Seen, sync: string, async: string): unknown {
  return from[carrier.kind === 'sync' ? sync : async];
}

area('http', () => {
  conformance('http', 'counter', '[W-01][A-01] an app is called once for each request', async (context) => {
    const { raw, path, expect } = context;
    const client = await raw();
    for (let index = 0; index < 3; index += 1) {
      client.request(`GET ${path()} HTTP/1.1`, host);
      const answer = await client.answer();
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toMatchObject({ name: 'counter' });
    }
  });

  conformance('http', 'counter', '[W-02][A-01] an app gets its arguments and no more', async (context) => {
    const { url, path, expect, carrier } = context;
    const answer = await once(url, [`GET ${path()} HTTP/1.1`, host]);
    expect(JSON.parse(answer.text).given).toBe(carrier.kind === 'sync' ? 2 : 3);
  });

  conformance('http', 'reflect', '[W-03][A-12] what an app changes does not leak', async (context) => {
    const { raw, path, expect, carrier } = context;
    const client = await raw();
    // More often than there are threads, so that each of them is met again.
    for (let index = 0; index < 8; index += 1) {
      client.request(`GET ${path('mutate')} HTTP/1.1`, host);
      const it = parsed(await client.answer());
      expect(it['prototype']).toBe(true);
      expect(Object.keys(it).filter((key) => /mutated/i.test(key))).toEqual([]);
      expect(JSON.stringify(it)).not.toMatch(/"mutated"|"changed"/);
      if (carrier.kind === 'sync')
        expect(it).toMatchObject({ HTTP_HOST: 'gate.test', 'wsgi.version': [1, 0] });
      else expect(it.headers).toContainEqual(['host', 'gate.test']);
    }
  });

  conformance('http', 'reflect', '[W-04][A-21] any method is passed on', async (context) => {
    const { expect, carrier } = context;
    for (const method of ['GET', 'POST', 'PURGE', 'M-SEARCH', 'OPTIONS']) {
      const it = await seen(context, `${method} / HTTP/1.1`, host);
      expect(of(carrier, it, 'REQUEST_METHOD', 'method')).toBe(method);
    }
  });

  conformance(
    'http',
    'reflect',
    '[A-21] a method is upper case',
    async (context) => {
      const it = await seen(context, 'purge / HTTP/1.1', host);
      context.expect(it['method']).toBe('PURGE');
    },
    { notOnNode: 'its parser knows a list of methods, in upper case' },
  );

  conformance(
    'http',
    'reflect',
    '[W-06][A-23] the path is there, also where it is only a slash',
    async (context) => {
      const { expect, carrier } = context;
      for (const path of ['/', '/a/b', '/a//b/', '/a/../b']) {
        const it = await seen(context, `GET ${path}?x HTTP/1.1`, host);
        expect(of(carrier, it, 'PATH_INFO', 'path')).toBe(path);
        expect(of(carrier, it, 'SCRIPT_NAME', 'root_path')).toBe('');
      }
    },
  );

  conformance('http', 'reflect', '[W-07][A-23] the path is percent-decoded', async (context) => {
    const { expect, carrier } = context;
    const it = await seen(context, 'GET /caf%C3%A9%20%e2%82%ac/a%2Fb?x=%20 HTTP/1.1', host);
    const path = '/café €/a/b';
    const octets = Buffer.from(path, 'utf8').toString('latin1');
    expect(of(carrier, it, 'PATH_INFO', 'path')).toBe(carrier.kind === 'sync' ? octets : path);
  });

  conformance(
    'http',
    'reflect',
    '[W-07] octets that are no UTF-8 are passed on',
    async (context) => {
      const it = await seen(context, 'GET /%ff%fe HTTP/1.1', host);
      context.expect(it['PATH_INFO']).toBe('/\u00ff\u00fe');
    },
    {
      except: {
        'async ← sync inline': 'a scope has a path in UTF-8',
        'async ← sync threads': 'a scope has a path in UTF-8',
      },
    },
  );

  conformance(
    'http',
    'reflect',
    '[A-23] a path that is not UTF-8 is refused with 400',
    async ({ url, expect }) => {
      const answer = await once(url, ['GET /%ff%fe HTTP/1.1', host]);
      expect(answer.status).toBe(400);
      expect(answer.text).not.toContain('"path"');
    },
  );

  conformance('http', 'reflect', '[A-24] raw_path holds the octets as they were sent', async (context) => {
    const it = await seen(context, 'GET /a%2Fb/caf%c3%A9/%7E?x HTTP/1.1', host);
    context.expect(it['raw_path']).toBe('/a%2Fb/caf%c3%A9/%7E');
  });

  conformance(
    'http',
    'reflect',
    '[W-08][A-25] the query is raw, and empty where there is none',
    async (context) => {
      const { expect, carrier } = context;
      const queries: [target: string, query: string][] = [
        ['/?a=%20b&c=+d&a=2', 'a=%20b&c=+d&a=2'],
        ['/', ''],
        ['/?', ''],
        ['/?a?b', 'a?b'],
      ];
      for (const [target, query] of queries) {
        const it = await seen(context, `GET ${target} HTTP/1.1`, host);
        expect(of(carrier, it, 'QUERY_STRING', 'query_string')).toBe(query);
      }
    },
  );

  conformance(
    'http',
    'reflect',
    '[W-10][A-28] server and client are named',
    async ({ raw, url, expect, carrier }) => {
      const client = await raw();
      const port = client.localPort;
      client.request('GET / HTTP/1.1', 'host: elsewhere.test:99');
      const it = parsed(await client.answer());
      if (carrier.kind === 'sync') {
        expect(it).toMatchObject({ SERVER_NAME: '127.0.0.1', SERVER_PORT: url.port });
        expect(it).toMatchObject({ REMOTE_ADDR: '127.0.0.1', REMOTE_PORT: String(port) });
      } else {
        expect(it['server']).toEqual(['127.0.0.1', Number(url.port)]);
        expect(it['client']).toEqual(['127.0.0.1', port]);
      }
    },
  );

  conformance(
    'http',
    'reflect',
    '[W-10][A-28] server and client are named on a unix socket too',
    async ({ start, expect, carrier }) => {
      const path = join(tmpdir(), `dualgate-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
      const server = await start({ bind: `unix:${path}`, threads: 1 });
      await using client = await RawClient.open(server.where);
      client.request('GET / HTTP/1.1', host, 'connection: close');
      const it = parsed(await client.answer());
      if (carrier.kind === 'sync') {
        expect(it['SERVER_NAME']).toMatch(/^[^ ]+$/);
        expect(it['SERVER_PORT']).toMatch(/^\d+$/);
        expect(Object.values(it)).not.toContain(null);
      } else if (carrier.name === 'async') {
        expect(it['server']).toEqual([path, null]);
        expect(it['client']).toBeNull();
      } else {
        // An environ has no socket's path; what is there is of the right types.
        expect(it['server']).toEqual([expect.any(String), expect.any(Number)]);
        expect(it['client']).toBeNull();
      }
    },
    { alone: true },
  );

  conformance(
    'http',
    'reflect',
    '[W-11][A-20] the protocol is the one that the client used',
    async (context) => {
      const { expect, carrier } = context;
      const old = await seen(context, 'GET / HTTP/1.0');
      expect(of(carrier, old, 'SERVER_PROTOCOL', 'http_version')).toBe(
        carrier.kind === 'sync' ? 'HTTP/1.0' : '1.0',
      );
      const it = await seen(context, 'GET / HTTP/1.1', host);
      expect(of(carrier, it, 'SERVER_PROTOCOL', 'http_version')).toBe(
        carrier.kind === 'sync' ? 'HTTP/1.1' : '1.1',
      );
    },
  );

  conformance('http', 'reflect', '[W-13] a key without a dot holds a string', async (context) => {
    const { prototype, ...it } = await seen(
      context,
      'POST /a?b HTTP/1.1',
      host,
      'content-length: 0',
      'x-y: z',
    );
    const odd = Object.entries(it).filter(([key, value]) => !key.includes('.') && typeof value !== 'string');
    context.expect(odd).toEqual([]);
    context.expect(prototype).toBe(true);
  });

  conformance('http', 'reflect', '[W-14] wsgi.version is [1, 0]', async (context) => {
    const it = await seen(context, 'GET / HTTP/1.1', host);
    context.expect(it['wsgi.version']).toEqual([1, 0]);
  });

  conformance('http', 'reflect', '[W-15][A-21] the scheme is http', async (context) => {
    const it = await seen(context, 'GET / HTTP/1.1', host);
    context.expect(of(context.carrier, it, 'wsgi.url_scheme', 'scheme')).toBe('http');
    if (context.carrier.kind === 'sync') context.expect(it).not.toHaveProperty('HTTPS');
  });

  conformance('http', 'reflect', '[W-16] wsgi.* is there and true to the server', async (context) => {
    const { expect, carrier } = context;
    const it = await seen(context, 'GET / HTTP/1.1', host);
    expect(it).toMatchObject({
      'wsgi.multithread': carrier.name.includes('threads'),
      'wsgi.multiprocess': false,
      'wsgi.run_once': false,
      'wsgi.input_terminated': true,
    });
    expect(it['dualgate.lane']).toMatch(carrier.name.includes('threads') ? /^thread [1-3]$/ : /^loop$/);
  });

  conformance('http', 'reflect', '[W-30] the two streams have their methods', async (context) => {
    const it = await seen(context, 'GET / HTTP/1.1', host);
    context.expect(it['wsgi.input']).toEqual(['function', 'function', 'function', 'function']);
    context.expect(it['wsgi.errors']).toEqual(['function', 'function', 'function']);
  });

  conformance('http', 'reflect', 'a scope names its versions', async ({ url, expect, carrier }) => {
    if (carrier.kind === 'sync') return;
    const it = await seen({ url }, 'GET / HTTP/1.1', host);
    expect(it).toMatchObject({ type: 'http', asgi: { version: '3.0', spec_version: '2.5' } });
  });

  conformance('http', 'reflect', 'an absolute target is taken apart', async (context) => {
    const { expect, carrier } = context;
    const it = await seen(context, 'GET http://gate.test/a/b?c=d HTTP/1.1', host);
    expect(of(carrier, it, 'PATH_INFO', 'path')).toBe('/a/b');
    expect(of(carrier, it, 'QUERY_STRING', 'query_string')).toBe('c=d');
  });

  conformance(
    'http',
    'echo',
    'pipelined requests are answered in their order',
    async ({ raw, path, expect }) => {
      const client = await raw();
      const bodies = ['first', 'second', 'third', 'fourth', 'fifth'];
      const requests = bodies.map(
        (body) => `POST ${path()} HTTP/1.1\r\n${host}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      client.send(requests.join(''));
      for (const body of bodies) expect((await client.answer()).text).toBe(body);
    },
  );

  conformance(
    'http',
    'echo',
    'a connection is kept, and closed when it is asked for',
    async ({ raw, path, expect }) => {
      const client = await raw();
      for (let index = 0; index < 3; index += 1) {
        client.request(`POST ${path()} HTTP/1.1`, host, 'content-length: 2').send('ab');
        expect((await client.answer()).text).toBe('ab');
      }
      client.request(`POST ${path()} HTTP/1.1`, host, 'content-length: 2', 'connection: close').send('cd');
      const last = await client.answer();
      expect(last.text).toBe('cd');
      expect(last.get('connection')).toBe('close');
      expect((await client.closed()).rest).toHaveLength(0);
    },
  );

  conformance(
    'http',
    'length',
    '[W-85][-] HEAD has no body, and the length that GET would have',
    async (context) => {
      const { raw, path, expect } = context;
      const client = await raw();
      for (const mode of ['list', 'yield']) {
        client.request(`HEAD ${path(mode, { length: 5, pieces: '5' })} HTTP/1.1`, host);
        const answer = await client.answer({ method: 'HEAD' });
        expect(answer.status).toBe(200);
        expect(answer.get('content-length')).toBe('5');
      }
      client.request(`HEAD ${path('yield', { pieces: '5,5' })} HTTP/1.1`, host);
      expect((await client.answer({ method: 'HEAD' })).status).toBe(200);
      client.request(`GET ${path('list', { pieces: '4' })} HTTP/1.1`, host);
      expect((await client.answer()).text).toBe('0000');
    },
  );

  conformance('http', 'length', '[W-85][-] 204 and 304 have no body', async ({ raw, path, expect }) => {
    const client = await raw();
    for (const status of [204, 304]) {
      client.request(`GET ${path('list', { status, pieces: '' })} HTTP/1.1`, host);
      const answer = await client.answer();
      expect(answer.status).toBe(status);
      expect(answer.get('transfer-encoding')).toBeUndefined();
      if (status === 204) expect(answer.get('content-length')).toBeUndefined();
    }
    client.request(`GET ${path('list', { pieces: '4' })} HTTP/1.1`, host);
    expect((await client.answer()).text).toBe('0000');
  });

  conformance(
    'http',
    'length',
    '[W-85][-] a body that 204 may not have does not reach the wire',
    async (context) => {
      const { url, path, expect } = context;
      await using client = await RawClient.open(url);
      client.request(`GET ${path('list', { status: 204, pieces: '6' })} HTTP/1.1`, host, 'connection: close');
      const { rest } = await client.closed();
      expect(rest.toString('latin1')).not.toContain('000000');
    },
  );

  conformance(
    'http',
    'reader',
    '[W-86][A-38] 100 Continue comes when the body is wanted',
    async (context) => {
      const { raw, path, expect } = context;
      const client = await raw();
      const lines = [host, 'content-length: 5', 'expect: 100-continue'];
      client.request(`POST ${path('small')} HTTP/1.1`, ...lines);
      expect((await client.head()).status).toBe(100);
      client.send('hello');
      const answer = await client.answer();
      expect(answer.early).toEqual([]);
      expect(JSON.parse(answer.text).count).toBe(5);
    },
  );

  conformance(
    'request-streaming',
    'reflect',
    '[W-86][A-38] no 100 Continue where the app does not read',
    async ({ raw, path, expect }) => {
      const client = await raw();
      client.request(`POST ${path()} HTTP/1.1`, host, 'content-length: 5', 'expect: 100-continue');
      const answer = await client.answer();
      expect(answer.status).toBe(200);
      expect(answer.early).toEqual([]);
    },
  );

  conformance('http', 'reader', '[W-86][A-38] no 100 Continue to HTTP/1.0', async ({ raw, path, expect }) => {
    const client = await raw();
    client
      .request(`POST ${path('small')} HTTP/1.0`, 'content-length: 5', 'expect: 100-continue')
      .send('hello');
    const answer = await client.answer();
    expect(answer.early).toEqual([]);
    expect(JSON.parse(answer.text).count).toBe(5);
  });

  conformance(
    'http',
    'reader',
    '[W-86][A-38] no 100 Continue where the body is there already',
    async (context) => {
      const { raw, path, expect } = context;
      const client = await raw();
      const head = [`POST ${path('small')} HTTP/1.1`, host, 'content-length: 5', 'expect: 100-continue'];
      client.send(`${head.join('\r\n')}\r\n\r\nhello`);
      expect(JSON.parse((await client.answer()).text).count).toBe(5);
    },
  );
});
