// Certificates for tests, made by openssl in a folder of their own. Without openssl a suite is skipped aloud; in CI that is a failure.
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For `describe.skipIf(!opensslThere)`. */
export const opensslThere: boolean = spawnSync('openssl', ['version']).status === 0;

if (!opensslThere) {
  const what = 'There is no openssl: install the package openssl';
  if (process.env['CI'] === 'true') throw new Error(what);
  console.warn(`SKIPPED, the tests of TLS: ${what}`);
}

/** Files in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  /** The common name, and with `dns` the names of the server. */
  readonly name?: string;
  readonly dns?: readonly string[];
  readonly by?: Identity;
  readonly days?: number;
}

/** A folder of certificates; `await using`, or dispose of it in afterAll. */
export class Issuer implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'certificates-'));
  #made = 0;

  /** Signed by itself, or `by` another; valid for two days. With `name` and `dns` of one's own, else for localhost. */
  issue({ name = 'localhost', dns = ['localhost'], by, days = 2 }: Wanted = {}): Identity {
    this.#made += 1;
    const [cert, key, request, ends] = ['cert', 'key', 'csr', 'ext'].map((end) =>
      join(this.folder, `${this.#made}.${end}.pem`),
    ) as [string, string, string, string]; // as many as there are ends
    const san = dns.map((one) => `DNS:${one}`).join(',');
    writeFileSync(ends, san ? `subjectAltName=${san}\n` : 'keyUsage=digitalSignature\n');
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-new', ...curve, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    const signer = by ? ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial'] : ['-signkey', key];
    openssl('x509', '-req', '-in', request, '-out', cert, '-days', String(days), '-extfile', ends, ...signer);
    return { cert, key };
  }

  /** One who signs others. */
  authority(name = 'A test authority'): Identity {
    this.#made += 1;
    const [cert, key] = [
      join(this.folder, `${this.#made}.ca.pem`),
      join(this.folder, `${this.#made}.cakey.pem`),
    ];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-x509', ...curve, '-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`);
    return { cert, key };
  }

  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

export function serialOf({ cert }: Identity): string {
  return new X509Certificate(readFileSync(cert)).serialNumber;
}

/** Does nothing without openssl: the suites that use it are skipped, but vitest looks into them all the same. */
export function openssl(...args: string[]): void {
  if (!opensslThere) return;
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
