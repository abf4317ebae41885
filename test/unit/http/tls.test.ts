// TLS on the listener: what is agreed on, who is let in, what is refused, and certificates that change.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect as tlsConnect } from 'node:tls';

import { afterAll, describe, expect, test } from 'vitest';

import { deferred } from '../../../src/core/deferred.ts';
import type { TlsOptions } from '../../../src/http/certificates.ts';
import type { Exchange, TlsInfo } from '../../../src/http/exchange.ts';
import { type Identity, Issuer, opensslThere, serialOf } from '../../support/certificates.ts';
import { RawClient } from '../../support/raw-client.ts';
import { portOf, relayed } from '../../support/relay.ts';
import { echo, reply, type Served, served, start, until } from './served.ts';

const get = ['GET /a HTTP/1.1', 'Host: localhost'];
const issuer = new Issuer();
afterAll(() => issuer[Symbol.dispose]());

function tlsOf(...identities: Identity[]): TlsOptions {
  return { cert: identities.map(({ cert }) => cert), key: identities.map(({ key }) => key) };
}

/** Answers with what is known of the connection. */
function told(exchange: Exchange): Promise<void> {
  const { secure, tls, client, server } = exchange;
  return reply(exchange, JSON.stringify({ secure, tls, client, server }));
}

async function toldOf(client: RawClient): Promise<{ secure: boolean; tls: TlsInfo | null }> {
  return JSON.parse((await client.request(...get).answer()).text);
}

/** Plain bytes to a TLS port. */
function plain({ url }: Served): Promise<RawClient> {
  return RawClient.open(new URL(url.href.replace('https:', 'http:')));
}

describe.skipIf(!opensslThere)('TLS', () => {
  const one = issuer.issue();
  const authority = issuer.authority();
  const tls = tlsOf(one);
  const mutual = { ...tls, clientCa: [authority.cert] };
  const alice = issuer.issue({ name: 'alice', dns: [], by: authority });
  const mallory = issuer.issue({ name: 'mallory', dns: [] });
  const pems = ({ cert, key }: Identity) => ({ cert: readFileSync(cert), key: readFileSync(key) });

  test('a request is served, and the exchange knows what was agreed on', async () => {
    await using server = await served(told, {}, { tls });
    expect(server.url.protocol).toBe('https:');
    await using client = await server.open({ servername: 'localhost' });
    const answer = JSON.parse((await client.request(...get).answer()).text);
    expect(answer).toEqual({
      secure: true,
      tls: {
        protocol: 'TLSv1.3',
        cipher: expect.stringMatching(/^TLS_/),
        serverName: 'localhost',
        clientChain: [],
        clientFault: null,
      },
      client: ['127.0.0.1', client.localPort],
      server: ['127.0.0.1', Number(server.url.port)],
    });
    expect((await client.request(...get).answer()).status).toBe(200); // it is kept
    expect(server.log.lines).toEqual([]);
  });

  test('a client of TLS 1.2 is served, one of 1.1 is not; tlsMin 1.3 refuses 1.2', async () => {
    await using server = await served(told, {}, { tls });
    await using client = await server.open({ maxVersion: 'TLSv1.2' });
    const info = (await toldOf(client)).tls;
    expect([info?.protocol, info?.serverName]).toEqual(['TLSv1.2', null]);
    expect(info?.cipher).toMatch(/^TLS_ECDHE_/);
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await expect(server.open(old)).rejects.toThrow(/alert/);
    await using modern = await served(told, {}, { tls: { ...tls, tlsMin: '1.3' } });
    await expect(modern.open({ maxVersion: 'TLSv1.2' })).rejects.toThrow(/alert protocol version/);
    await using new_ = await modern.open();
    expect((await toldOf(new_)).tls?.protocol).toBe('TLSv1.3');
  });

  test('ALPN: http/1.1 is agreed on, no word of it is fine, and a client that speaks only h2 is refused', async () => {
    await using server = await served(told, {}, { tls });
    await using both = await server.open({ ALPNProtocols: ['h2', 'http/1.1'] });
    expect(both.tls.alpnProtocol).toBe('http/1.1');
    await using none = await server.open();
    expect([none.tls.alpnProtocol, (await toldOf(none)).secure]).toEqual([false, true]);
    await expect(server.open({ ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/);
  });

  test('the ciphers are those that were named', async () => {
    const named = { ...tls, tlsCiphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' };
    await using server = await served(told, {}, { tls: named });
    await using client = await server.open({ maxVersion: 'TLSv1.2' });
    expect((await toldOf(client)).tls?.cipher).toBe('TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384');
  });

  test('SNI: each host gets its own certificate, a strange one and none get the first', async () => {
    const a = issuer.issue({ name: 'a.example', dns: ['a.example'] });
    const b = issuer.issue({ name: 'b.example', dns: ['b.example', '*.b.example'] });
    await using server = await served(told, {}, { tls: tlsOf(one, a, b) });
    const serials = new Map([
      ['a.example', a],
      ['x.b.example', b],
      ['strange.example', one],
      ['localhost', one],
    ]);
    for (const [servername, identity] of serials) {
      await using client = await server.open({ servername });
      expect(client.certificate.serialNumber, servername).toBe(serialOf(identity));
      expect((await toldOf(client)).tls?.serverName).toBe(servername);
    }
    await using client = await server.open();
    expect(client.certificate.serialNumber).toBe(serialOf(one));
  });

  describe('certificates of clients', () => {
    test('optional: none, a good one, and a wrong one are all served, and told apart', async () => {
      await using server = await served(told, {}, { tls: { ...mutual, clientCert: 'optional' } });
      await using nobody = await server.open();
      expect((await toldOf(nobody)).tls).toMatchObject({ clientChain: [], clientFault: null });
      await using good = await server.open(pems(alice));
      const seen = (await toldOf(good)).tls;
      expect(seen?.clientChain[0]).toBe(readFileSync(alice.cert, 'utf8'));
      expect(seen?.clientFault).toBeNull();
      await using wrong = await server.open(pems(mallory));
      expect((await toldOf(wrong)).tls).toMatchObject({
        clientChain: [readFileSync(mallory.cert, 'utf8')],
        clientFault: expect.stringMatching(/^[A-Z_]+$/),
      });
    });

    test('required: only a good one gets in, on each host, in both versions', async () => {
      const a = issuer.issue({ name: 'a.example', dns: ['a.example'] });
      const required = { ...mutual, clientCert: 'required' as const };
      const all = tlsOf(one, a);
      await using server = await served(told, {}, { tls: { ...required, ...all } });
      for (const servername of ['localhost', 'a.example']) {
        for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
          await using good = await server.open({ ...pems(alice), servername, maxVersion });
          expect((await toldOf(good)).tls?.clientChain).toHaveLength(1);
          for (const bad of [{}, pems(mallory)]) await unserved(server, { ...bad, servername, maxVersion });
        }
      }
      await until(() => server.listener.connections <= 4, 'the refused are gone');
      expect(server.log.troubles).toEqual([]);
      expect(server.log.text).toContain('why=The TLS handshake failed: ');
    });

    test('a session that is taken up again shows the same certificate', async () => {
      await using server = await served(told, {}, { tls: { ...mutual, clientCert: 'required' } });
      const session = deferred<Buffer>();
      await using first = await server.open(pems(alice));
      first.tls.on('session', session.resolve);
      await toldOf(first);
      await using second = await server.open({ ...pems(alice), session: await session.promise });
      expect(second.tls.isSessionReused()).toBe(true);
      expect((await toldOf(second)).tls).toMatchObject({
        clientChain: [readFileSync(alice.cert, 'utf8')],
        clientFault: null,
      });
    });
  });

  describe('what is no handshake', () => {
    test('plain HTTP is answered with a 400 that says so', async () => {
      await using server = await served(reply, {}, { tls });
      await using client = await plain(server);
      const answer = await client.request(...get).answer();
      expect([answer.status, answer.text]).toEqual([
        400,
        '400 Bad Request\nPlain HTTP was sent to an HTTPS port: ask for https://\n',
      ]);
      expect((await client.closed()).ending).toBe('end');
      client.end();
      await until(() => server.listener.connections === 0, 'no connection');
      expect(server.log.troubles).toEqual([]);
    });

    test('a client that does not take its 400 and leave is cut', async () => {
      await using server = await served(reply, { lingerTimeout: 100 }, { tls });
      await using client = await plain(server);
      await client.request(...get).answer();
      await until(() => server.listener.connections === 0, 'no connection');
    });

    test.each([
      ['zeros', Buffer.alloc(64)],
      ['SSL 2', Buffer.from([0x80, 0x2e, 0x01, 0x00, 0x02])],
      ['a record that is no handshake', Buffer.from('160301000501020304ff', 'hex')],
      ['a hello of an empty record', Buffer.from('1603010000', 'hex')],
      ['an alert', Buffer.from('15030100020228', 'hex')],
      ['random bytes behind the first one', Buffer.from(`16${'a7'.repeat(3000)}`, 'hex')],
    ])('%s: closed, without a word above debug', async (_what, bytes) => {
      await using server = await served(reply, { handshakeTimeout: 300 }, { tls });
      await using client = await plain(server);
      client.send(bytes);
      await client.closed();
      await until(() => server.listener.connections === 0, 'no connection');
      expect(server.log.troubles).toEqual([]);
      await server.log.until('A connection ended before HTTP');
      await using good = await server.open();
      expect((await good.request(...get).answer()).status).toBe(200);
    });

    test.each(['loca\0host', 'loc\xff\xfe\x80st', '*********', '.........', ' '.repeat(9)])(
      'a client that asks for the host %j does no harm',
      async (host) => {
        await using server = await served(reply, {}, { tls: tlsOf(one, issuer.issue()) });
        const hello = await helloOf('localhost');
        const at = hello.indexOf('localhost');
        expect(at).toBeGreaterThan(0);
        hello.write(host, at, 'latin1');
        await using client = await plain(server);
        expect([0x15, 0x16]).toContain((await client.send(hello).bytes(1))[0]); // an alert, or the server's hello
        await using good = await server.open();
        expect((await good.request(...get).answer()).status).toBe(200);
        expect(server.log.troubles).toEqual([]);
      },
    );

    test('a client that is gone in mid-handshake leaves nothing behind', async () => {
      await using server = await served(reply, {}, { tls });
      const hello = await helloOf();
      for (const size of [1, 5, 40, hello.length - 1, hello.length]) {
        for (const leave of ['end', 'reset'] as const) {
          await using client = await plain(server);
          client.send(hello.subarray(0, size));
          await client.flushed();
          client[leave]();
        }
      }
      await until(() => server.listener.connections === 0, 'no connection');
      expect(server.log.troubles).toEqual([]);
    });

    test('byte by byte a handshake works too', async () => {
      await using server = await served(reply, {}, { tls });
      const hello = await helloOf();
      await using client = await plain(server);
      for (const byte of hello) {
        client.send(Buffer.of(byte));
        await client.flushed();
      }
      expect((await client.bytes(1))[0]).toBe(0x16); // the server's hello
    });
  });

  describe('handshakeTimeout', () => {
    test('who is silent, or stops half way, or trickles, is cut', async () => {
      await using server = await served(reply, { handshakeTimeout: 300, headTimeout: 60_000 }, { tls });
      const hello = await helloOf();
      await using silent = await plain(server);
      await using half = await plain(server);
      half.send(hello.subarray(0, 30));
      await using whole = await plain(server);
      whole.send(hello);
      await using trickling = await plain(server);
      let at = 0;
      const timer = setInterval(() => trickling.send(hello.subarray(at, ++at)), 50);
      try {
        for (const client of [silent, half, whole, trickling]) await client.closed(300 + 2500);
      } finally {
        clearInterval(timer);
      }
      await until(() => server.listener.connections === 0, 'no connection');
      expect(server.log.text).toContain('why=The TLS handshake took longer than 300 ms');
      expect(server.log.troubles).toEqual([]);
    });

    test('a client that has shaken hands has the deadlines of HTTP', async () => {
      await using server = await served(reply, { handshakeTimeout: 300, headTimeout: 60_000 }, { tls });
      await using client = await server.open();
      await using silent = await plain(server);
      await silent.closed(300 + 2500);
      expect((await client.request(...get).answer()).status).toBe(200);
    });
  });

  test('maxConnections counts handshakes', async () => {
    await using server = await served(reply, { maxConnections: 2 }, { tls });
    await using silent = await plain(server);
    await using client = await server.open();
    expect(server.listener.connections).toBe(2);
    await using third = await plain(server);
    expect((await third.closed()).rest).toHaveLength(0);
    await silent[Symbol.asyncDispose]();
    await until(() => server.listener.connections === 1, 'one connection');
    await using fourth = await server.open();
    for (const one of [client, fourth]) expect((await one.request(...get).answer()).status).toBe(200);
  });

  describe('close()', () => {
    test('who is silent is closed, who shakes hands is served once more', async () => {
      await using server = await served(reply, {}, { tls });
      await using silent = await plain(server);
      await until(() => server.listener.connections === 1, 'one connection');
      const go = deferred();
      const begun = deferred();
      await using relay = await relayed(server.url, async (hello, send) => {
        send(hello.subarray(0, 1), begun.resolve);
        await go.promise;
        send(hello.subarray(1));
      });
      const opening = RawClient.open(relay.url);
      await begun.promise;
      await using other = await server.open();
      await other.request(...get).answer(); // what was sent before it has been read by now
      const closed = server.listener.close(5000);
      await silent.closed();
      other.end();
      go.resolve();
      await using client = await opening;
      const answer = await client.request(...get).answer();
      expect([answer.text, answer.get('connection')]).toEqual(['/a', 'close']);
      client.end();
      await closed;
    });

    test('past the grace a handshake is cut', async () => {
      await using server = await served(reply, {}, { tls });
      await using half = await plain(server);
      half.send((await helloOf()).subarray(0, 30));
      await half.flushed();
      await until(() => server.listener.connections === 1, 'one connection');
      await server.listener.close(100);
      await half.closed();
      expect(server.listener.connections).toBe(0);
    });
  });

  describe('reloadTls()', () => {
    test('new connections get the new certificates, those that are there go on', async () => {
      const [first, second, third, fourth] = [
        issuer.issue(),
        issuer.issue(),
        issuer.issue({ dns: ['a.example'] }),
        issuer.issue({ dns: ['a.example', 'new.example'] }),
      ];
      const files = ['reload.cert', 'reload.key', 'reload-a.cert', 'reload-a.key'].map(
        (name) => `${issuer.folder}/${name}`,
      );
      const [cert = '', key = '', certA = '', keyA = ''] = files;
      const put = (main: Identity, a: Identity): void => {
        for (const [from, to] of [
          [main.cert, cert],
          [main.key, key],
          [a.cert, certA],
          [a.key, keyA],
        ] as const)
          copyFileSync(from, to);
      };
      put(first, third);
      await using server = await served(told, {}, { tls: { cert: [cert, certA], key: [key, keyA] } });
      await using old = await server.open();
      const session = deferred<Buffer>();
      old.tls.on('session', session.resolve);
      await toldOf(old);
      await using oldA = await server.open({ servername: 'a.example' });
      put(second, fourth);
      await using before = await server.open();
      expect(before.certificate.serialNumber).toBe(serialOf(first)); // a file alone changes nothing
      server.listener.reloadTls();
      const serials = new Map([
        ['', second],
        ['localhost', second],
        ['a.example', fourth],
        ['new.example', fourth],
      ]);
      for (const [servername, identity] of serials) {
        await using client = await server.open(servername ? { servername } : {});
        expect(client.certificate.serialNumber, servername).toBe(serialOf(identity));
      }
      await using resumed = await server.open({ session: await session.promise });
      expect(resumed.tls.isSessionReused()).toBe(false); // an old session does not bring the old certificate back
      for (const client of [old, oldA]) expect((await toldOf(client)).secure).toBe(true);
      expect(old.certificate.serialNumber).toBe(serialOf(first));
    });

    test('one that cannot be used: it throws, and all stays as it was', async () => {
      const first = issuer.issue();
      const [cert, key] = [`${issuer.folder}/bad.cert`, `${issuer.folder}/bad.key`];
      copyFileSync(first.cert, cert);
      copyFileSync(first.key, key);
      await using server = await served(reply, {}, { tls: { cert: [cert], key: [key] } });
      copyFileSync(issuer.issue().cert, cert); // without its key
      expect(() => server.listener.reloadTls()).toThrow(/^Cannot use the key ".+": it is not the one/);
      writeFileSync(cert, '');
      expect(() => server.listener.reloadTls()).toThrow(/there is no certificate in PEM/);
      await using client = await server.open();
      expect(client.certificate.serialNumber).toBe(serialOf(first));
    });

    test('without TLS it does nothing', async () => {
      await using server = await served(reply);
      server.listener.reloadTls();
    });
  });

  test('large bodies both ways, at once, with back-pressure', async () => {
    await using server = await served(echo, {}, { tls });
    await using client = await server.open();
    const body = Buffer.alloc(8 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz');
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`).send(body);
    const answer = await client.answer();
    expect(Buffer.compare(answer.body, body)).toBe(0);
  });

  test('a client that takes nothing makes the writer wait, and is cut at sendTimeout', async () => {
    const over = deferred<{ written: number; error: unknown }>();
    await using server = await served(
      async (exchange) => {
        let written = 0;
        start(exchange);
        try {
          for (; written < 1000; written += 1) await exchange.write(Buffer.alloc(65_536));
          over.resolve({ written, error: null });
        } catch (error) {
          over.resolve({ written, error });
        }
      },
      { sendTimeout: 300 },
      { tls },
    );
    await using client = await server.open();
    client.pause();
    client.request(...get);
    const { written, error } = await over.promise;
    expect(error).toMatchObject({ code: 'DISCONNECTED' });
    expect(written).toBeLessThan(500); // what the kernel takes, and no more
    await until(() => server.listener.connections === 0, 'no connection');
  });

  test.each(['leave', 'end'] as const)(
    'a client that vanishes in mid-body (%s): the app hears of it',
    async (how) => {
      const heard = deferred<unknown>();
      await using server = await served(
        async (exchange) => {
          try {
            for (;;) await exchange.read();
          } catch (error) {
            heard.resolve(error);
            throw error;
          }
        },
        {},
        { tls },
      );
      await using client = await server.open();
      client.request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 100000').send(Buffer.alloc(5000));
      await client.flushed();
      await until(() => server.listener.connections === 1, 'one connection');
      if (how === 'end') client.end();
      else await client[Symbol.asyncDispose]();
      expect(await heard.promise).toMatchObject({ code: 'DISCONNECTED' });
      await until(() => server.listener.connections === 0, 'no connection');
      expect(server.log.troubles).toEqual([]);
    },
  );

  test('an answer that is cut ends in a reset, and not in an end that looks complete', async () => {
    const taken = deferred();
    await using server = await served(
      async (exchange) => {
        start(exchange); // to HTTP/1.0: the end of the connection is the end of the body
        await exchange.write(Buffer.from('half'));
        await taken.promise; // a reset right behind bytes is shown as an end by the client's libuv
        throw new Error('Half way');
      },
      {},
      { tls },
    );
    await using client = await server.open();
    await client.request('GET / HTTP/1.0').until('half');
    taken.resolve();
    expect((await client.closed()).ending).toBe('reset');
    await until(() => server.listener.connections === 0, 'no connection');
  });
});

/** What a client begins with. */
async function helloOf(servername?: string): Promise<Buffer> {
  const hello = deferred<Buffer>();
  const catcher = createServer((socket) => socket.once('data', hello.resolve));
  const port = await portOf(catcher);
  const client = tlsConnect({ port, host: '127.0.0.1', ...(servername && { servername }) }).on(
    'error',
    () => {},
  );
  try {
    return await hello.promise;
  } finally {
    client.destroy();
    catcher.close();
  }
}

/** Neither the handshake nor, behind it, the request gets through: TLS 1.3 tells a client after it has spoken. */
async function unserved(server: Served, options: Parameters<Served['open']>[0]): Promise<void> {
  const served_ = async (): Promise<number> => {
    await using client = await server.open(options);
    return (await client.request(...get).answer()).status;
  };
  await expect(served_()).rejects.toThrow();
}
