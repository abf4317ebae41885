// A TLS connection in the environ, over real sockets, inline and on threads.
import { readFileSync } from 'node:fs';

import { afterAll, describe, expect, test } from 'vitest';

import { silent } from '../../../src/core/log.ts';
import type { TlsInfo } from '../../../src/http/exchange.ts';
import type { EnvironData } from '../../../src/sync/interface.ts';
import { SyncServer, type SyncServerOptions } from '../../../src/sync/server.ts';
import { addTls } from '../../../src/sync/tls-environ.ts';
import { type Identity, Issuer, openssl, opensslThere } from '../../support/certificates.ts';
import { RawClient } from '../../support/raw-client.ts';

const ref = `${new URL('./apps/many.ts', import.meta.url).href}#app`;
const issuer = new Issuer();
afterAll(() => issuer[Symbol.dispose]());

test('[W-17] without a certificate of the client: the connection, and NONE', () => {
  const environ = added({ clientChain: [], serverName: 'caf\u00e9.example' });
  expect(environ).toEqual({
    SSL_PROTOCOL: 'TLSv1.3',
    SSL_CIPHER: 'TLS_AES_128_GCM_SHA256',
    SSL_TLS_SNI: 'caf\u00c3\u00a9.example',
    SSL_CLIENT_VERIFY: 'NONE',
  });
});

describe.skipIf(!opensslThere)('certificates', () => {
  const one = issuer.issue();
  const authority = issuer.authority();
  const client = issuer.issue({ name: 'alice', dns: [], by: authority });
  const pem = readFileSync(client.cert, 'utf8');

  test('[W-17] a client whose certificate is trusted is named', () => {
    const environ = added({ clientChain: [pem] });
    expect(environ).toMatchObject({
      SSL_CLIENT_VERIFY: 'SUCCESS',
      SSL_CLIENT_S_DN: 'CN=alice',
      SSL_CLIENT_S_DN_CN: 'alice',
      SSL_CLIENT_I_DN: 'CN=A test authority',
      SSL_CLIENT_M_SERIAL: expect.stringMatching(/^[0-9A-F]+$/),
      SSL_CLIENT_V_END: expect.stringMatching(/GMT$/),
      SSL_CLIENT_CERT: pem,
    });
  });

  test('[W-17] one that is not trusted is not named: an app may look at the name alone', () => {
    const environ = added({ clientChain: [pem], clientFault: 'self-signed' });
    expect(environ['SSL_CLIENT_VERIFY']).toBe('FAILED:self-signed');
    expect(Object.keys(environ).filter((key) => /_DN|_CERT|_SERIAL/.test(key))).toEqual([]);
  });

  test.each([
    ['/C=DE/O=Shop, and more/CN=bob\u00e9', 'CN=bob\u00c3\u00a9,O=Shop\\, and more,C=DE', 'bob\u00c3\u00a9'],
    ['/CN=eve\nCN=alice', 'CN=eve\\0ACN=alice', 'eve\\0ACN=alice'],
    ['/CN=eve, O=Shop', 'CN=eve\\, O=Shop', 'eve\\, O=Shop'],
    ['/CN=eve/CN=alice', 'CN=alice,CN=eve', undefined],
  ])(
    '[W-17] the subject %j: the last part first, and nothing is taken for what it is not',
    (subject, dn, name) => {
      const [cert, key] = [`${issuer.folder}/dn.pem`, `${issuer.folder}/dn.key`];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      openssl(
        'req',
        '-x509',
        ...curve,
        '-utf8',
        '-keyout',
        key,
        '-out',
        cert,
        '-days',
        '2',
        '-subj',
        subject,
      );
      const { SSL_CLIENT_S_DN, SSL_CLIENT_S_DN_CN } = added({ clientChain: [readFileSync(cert, 'utf8')] });
      expect([SSL_CLIENT_S_DN, SSL_CLIENT_S_DN_CN]).toEqual([dn, name]);
    },
  );

  test.each<[string, number]>([
    ['inline', 0],
    ['threads', 1],
  ])('[W-17] over a socket, %s: HTTPS is on, and SSL_* says what was agreed on', async (_name, threads) => {
    const tls = {
      cert: [one.cert],
      key: [one.key],
      clientCa: [authority.cert],
      clientCert: 'optional',
    } as const;
    await using server = await served({ threads, tls });
    const named = await environOver(server.url, client);
    expect(named).toMatchObject({
      HTTPS: 'on',
      'wsgi.url_scheme': 'https',
      SSL_PROTOCOL: 'TLSv1.3',
      SSL_CIPHER: expect.stringMatching(/^TLS_/),
      SSL_CLIENT_VERIFY: 'SUCCESS',
      SSL_CLIENT_S_DN: 'CN=alice',
    });
    const nameless = await environOver(server.url);
    expect(nameless).toMatchObject({ HTTPS: 'on', SSL_CLIENT_VERIFY: 'NONE' });
    expect(nameless).not.toHaveProperty('SSL_CLIENT_S_DN');
  });

  test('[W-17] without TLS there is none of it, whatever the client sends', async () => {
    await using server = await served({ threads: 0 });
    const environ = await environOver(server.url, undefined, ['ssl-client-s-dn: CN=eve', 'https: on']);
    expect(Object.keys(environ).filter((key) => /^(?:SSL_|HTTPS$)/.test(key))).toEqual([]);
  });
});

function added(given: Partial<TlsInfo>): Record<string, unknown> {
  const environ = {} as EnvironData; // what is added is all that it gets
  addTls(environ, {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    serverName: null,
    clientChain: [],
    clientFault: null,
    ...given,
  });
  return environ as unknown as Record<string, unknown>;
}

async function served(options: SyncServerOptions): Promise<AsyncDisposable & { url: string }> {
  const server = new SyncServer(ref, { log: silent, ...options });
  const { url } = await server.listen('127.0.0.1:0');
  return { url, [Symbol.asyncDispose]: () => server.close(0) };
}

async function environOver(
  url: string,
  by?: Identity,
  headers: readonly string[] = [],
): Promise<Record<string, unknown>> {
  const given = by && { cert: readFileSync(by.cert), key: readFileSync(by.key) };
  await using raw = await RawClient.open(new URL(url), { rejectUnauthorized: false, ...given });
  raw.request('GET /environ HTTP/1.1', 'host: gate.test', ...headers);
  return JSON.parse((await raw.answer()).text) as Record<string, unknown>; // the app answers with its environ
}
