// HTTPS by the command: flags, what is refused, curl, and SIGHUP.
import { execFile } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { afterAll, describe, expect, test } from 'vitest';

import { Issuer, opensslThere, serialOf } from '../support/certificates.ts';
import { RawClient } from '../support/raw-client.ts';
import { Command } from './process.ts';

const issuer = new Issuer();
afterAll(() => issuer[Symbol.dispose]());
const run = promisify(execFile);
const quick = ['-b', '127.0.0.1:0', '--log-format', 'text', '--threads', '1'];
const app = 'test/e2e/apps/hello-async.ts:app';

describe.skipIf(!opensslThere)('dualgate serve with certificates', () => {
  const one = issuer.issue();

  test.each([
    ['--cert', '--key'],
    ['--certfile', '--keyfile'],
    ['--ssl-certfile', '--ssl-keyfile'],
  ])('%s and %s: curl trusts it', async (cert, key) => {
    await using command = new Command(['serve', app, cert, one.cert, key, one.key, ...quick]);
    const { port, protocol } = new URL(await command.listening());
    expect(protocol).toBe('https:');
    const { stdout } = await run('curl', [
      '-sS',
      '--cacert',
      one.cert,
      '--resolve',
      `localhost:${port}:127.0.0.1`,
      `https://localhost:${port}/x`,
    ]);
    expect(stdout).toBe('Hello from WSGI! You requested: /x');
  });

  test('SIGHUP: the certificates are read again; a bad one is said, and changes nothing', async () => {
    const [cert, key] = [`${issuer.folder}/hup.cert`, `${issuer.folder}/hup.key`];
    const put = (from: typeof one): void => {
      copyFileSync(from.cert, cert);
      copyFileSync(from.key, key);
    };
    put(one);
    await using command = new Command(['serve', app, '--cert', cert, '--key', key, ...quick]);
    const url = new URL(await command.listening());
    await using old = await RawClient.open(url);
    const two = issuer.issue();
    put(two);
    command.kill('SIGHUP');
    await command.said('stderr', /SIGHUP: the certificates were read again; new connections get them/);
    await using fresh = await RawClient.open(url);
    expect([old, fresh].map((client) => client.certificate.serialNumber)).toEqual([one, two].map(serialOf));
    copyFileSync(one.cert, cert);
    command.kill('SIGHUP');
    await command.said('stderr', /SIGHUP: the certificates stay as they were.*\n?.*it is not the one of/);
    await using same = await RawClient.open(url);
    expect(same.certificate.serialNumber).toBe(serialOf(two));
    expect((await old.request('GET /y HTTP/1.1', 'Host: localhost').answer()).text).toContain('/y');
    for (const client of [old, fresh, same]) await client[Symbol.asyncDispose]();
    command.kill('SIGTERM');
    expect(await command.exit()).toBe(0);
  });

  test('without TLS SIGHUP ends it, as it always did', async () => {
    await using command = new Command(['serve', app, ...quick]);
    await command.listening();
    command.kill('SIGHUP');
    expect(await command.exit()).toBe('SIGHUP');
  });

  test.each([
    [
      ['--cert', 'none.pem', '--key', 'none.pem'],
      3,
      'Cannot read the certificate "none.pem": there is no such file',
    ],
    [
      ['--key', 'none.pem'],
      2,
      'Cannot serve TLS with 0 certificates and 1 key: give each certificate its key, in the same order',
    ],
    [
      ['--proxy-protocol', '10.1'],
      2,
      'Cannot read --proxy-protocol "10.1": "10.1" is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor *',
    ],
  ] as const)('%j ends with %i and one line', async (flags, code, line) => {
    await using command = new Command(['serve', app, ...flags, ...quick]);
    expect(await command.exit()).toBe(code);
    expect([command.stderr, command.stdout]).toEqual([`dualgate: ${line}\n`, '']);
  });
});
