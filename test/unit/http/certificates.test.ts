// Certificates: what is refused with which words, who gets which one, and a reload that fails changes nothing.
import { readFileSync } from 'node:fs';

import { afterAll, describe, expect, test } from 'vitest';

import { Certificates, type TlsOptions } from '../../../src/http/certificates.ts';
import { Issuer, openssl, opensslThere } from '../../support/certificates.ts';

const issuer = new Issuer();
afterAll(() => issuer[Symbol.dispose]());

describe.skipIf(!opensslThere)('certificates', () => {
  const one = issuer.issue();
  const other = issuer.issue({ name: 'other.example', dns: [] });
  const many = issuer.issue({ name: 'x', dns: ['a.example', '*.b.example'] });
  const deep = issuer.issue({ name: 'x', dns: ['api.b.example'] });
  const list = [one, many, deep, other];
  const all = (): Certificates =>
    new Certificates({ cert: list.map(({ cert }) => cert), key: list.map(({ key }) => key) });

  test.each<[host: string, identity: { cert: string } | null]>([
    ['localhost', one],
    ['LocalHost', one],
    ['a.example', many],
    ['x.b.example', many],
    ['api.b.example', deep], // its own name goes over a wildcard that stands before it
    ['API.b.example', deep],
    ['x.y.b.example', null], // a wildcard is one label
    ['b.example', null],
    ['other.example', other], // by its common name: it has no others
    ['x', null], // a common name counts for nothing beside names
    ['', null],
    ['local\0host', null],
    ['localhost.', null],
    ['\ufffd\u00e9..', null],
  ])('%j', (host, identity) => {
    const certificates = all();
    const context = certificates.named(host);
    const expected = identity === null ? undefined : readFileSync(identity.cert, 'latin1');
    const index = list.findIndex(({ cert }) => readFileSync(cert, 'latin1') === expected);
    expect(context).toBe(
      index < 0
        ? undefined
        : certificates.named(['localhost', 'a.example', 'api.b.example', 'other.example'][index] ?? ''),
    );
    expect(context === undefined).toBe(identity === null);
  });

  test('the PEM itself instead of a file', () => {
    const [cert, key] = [readFileSync(one.cert, 'utf8'), readFileSync(one.key, 'utf8')];
    expect(new Certificates({ cert: [cert], key: [key] }).named('localhost')).toBeDefined();
  });

  const locked = `${issuer.folder}/locked.pem`;
  openssl('pkey', '-in', one.key, '-aes256', '-passout', 'pass:secret', '-out', locked);
  const ended = issuer.issue({ days: -1 });
  const nonsense = issuer.file('nonsense.pem', 'nothing');
  const broken = issuer.file('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');

  test.each<[what: string, options: TlsOptions, code: string, words: RegExp]>([
    [
      'no key',
      { cert: [one.cert], key: [] },
      'USAGE',
      /with 1 certificate and 0 keys: give each certificate its key/,
    ],
    ['no certificate', { cert: [], key: [one.key] }, 'USAGE', /with 0 certificates and 1 key:/],
    ['two, one key', { cert: [one.cert, many.cert], key: [one.key] }, 'USAGE', /2 certificates and 1 key/],
    [
      'a certificate that is not there',
      { cert: ['none.pem'], key: [one.key] },
      'TLS',
      /^Cannot read the certificate "none\.pem": there is no such file$/,
    ],
    [
      'a key that is not there',
      { cert: [one.cert], key: ['none.pem'] },
      'TLS',
      /^Cannot read the key "none\.pem": there is no such file$/,
    ],
    ['a folder', { cert: [issuer.folder], key: [one.key] }, 'TLS', /it is a folder$/],
    [
      'no PEM',
      { cert: [nonsense], key: [one.key] },
      'TLS',
      /nonsense\.pem": there is no certificate in PEM in it$/,
    ],
    [
      'broken PEM',
      { cert: [broken], key: [one.key] },
      'TLS',
      /broken\.pem": there is no certificate in PEM in it$/,
    ],
    [
      'no PEM for a key',
      { cert: [one.cert], key: [nonsense] },
      'TLS',
      /key ".*nonsense\.pem": there is no private key in PEM in it$/,
    ],
    [
      'the files the wrong way round',
      { cert: [one.key], key: [one.cert] },
      'TLS',
      /there is no certificate in PEM in it$/,
    ],
    [
      "another's key",
      { cert: [one.cert], key: [many.key] },
      'TLS',
      /key ".+": it is not the one of the certificate ".+"; give each/,
    ],
    [
      'keys in another order',
      { cert: [one.cert, many.cert], key: [many.key, one.key] },
      'TLS',
      /it is not the one of the certificate/,
    ],
    [
      'an encrypted key',
      { cert: [one.cert], key: [locked] },
      'TLS',
      /locked\.pem": it is encrypted; take that off/,
    ],
    ['an ended one', { cert: [ended.cert], key: [ended.key] }, 'TLS', /": it has ended \(.+\); renew it$/],
    [
      'ciphers that nobody knows',
      { cert: [one.cert], key: [one.key], tlsCiphers: 'SALAD' },
      'TLS',
      /^Cannot use the TLS ciphers "SALAD": /,
    ],
    [
      "clients' certificates by nobody",
      { cert: [one.cert], key: [one.key], clientCert: 'required' },
      'USAGE',
      /give clientCa$/,
    ],
    [
      'an authority for nobody',
      { cert: [one.cert], key: [one.key], clientCa: [one.cert] },
      'USAGE',
      /set clientCert to/,
    ],
    [
      'an authority that is not there',
      { cert: [one.cert], key: [one.key], clientCa: ['none.pem'], clientCert: 'optional' },
      'TLS',
      /^Cannot read the clients' CA "none\.pem"/,
    ],
    [
      'an authority without PEM',
      { cert: [one.cert], key: [one.key], clientCa: [nonsense], clientCert: 'optional' },
      'TLS',
      /^Cannot use the clients' CA/,
    ],
  ])('%s is refused in one line', (_what, options, code, words) => {
    const message = expect.stringMatching(words);
    expect(() => new Certificates(options)).toThrow(expect.objectContaining({ code, message }));
    try {
      new Certificates(options);
    } catch (error) {
      expect(String(error)).toMatch(/^GatewayError: [A-Z][^\n]*[^.\n]$/);
      expect(String(error)).not.toContain('-----BEGIN');
    }
  });

  test('a key in PEM is not said', () => {
    const [cert, key] = [readFileSync(one.cert, 'utf8'), readFileSync(many.key, 'utf8')];
    expect(() => new Certificates({ cert: [cert], key: [key] })).toThrow(
      'Cannot use the key in PEM: it is not the one of the certificate in PEM; give each certificate its key, in the same order',
    );
  });
});
