// The certificates of a listener: read and checked, chosen by the host that a client asks for, read again when told.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';

import { asError, GatewayError } from '../core/errors.ts';

export interface TlsOptions {
  /**
   * Files in PEM, each with its intermediate certificates behind it; or the PEM itself. A client gets the one for the
   * host that it asks for (SNI), by the names in the certificates; the first one where none fits, or it asks for none.
   */
  readonly cert: readonly string[];
  /** Their private keys, in the same order; files in PEM, or the PEM itself. */
  readonly key: readonly string[];
  /** Files in PEM of those who sign the clients' certificates; or the PEM itself. */
  readonly clientCa?: readonly string[];
  /** Whether clients are asked for a certificate, and have to have one that `clientCa` has signed. `none` by default. */
  readonly clientCert?: 'none' | 'optional' | 'required';
  /** `1.2` by default. */
  readonly tlsMin?: '1.2' | '1.3';
  /** In OpenSSL's words, separated by colons; Node's own list by default. */
  readonly tlsCiphers?: string;
}

interface Identity {
  readonly certificate: X509Certificate;
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

export class Certificates {
  readonly #options: TlsOptions;
  #identities: readonly [Identity, ...Identity[]];

  /** Throws GatewayError: USAGE for options that don't go together, TLS for a file that cannot be read or used. */
  constructor(options: TlsOptions) {
    checkTogether(options);
    this.#options = options;
    this.#identities = load(options);
  }

  /** What clients get that ask for no host, or for one that no certificate has. */
  get first(): SecureContextOptions {
    return this.#identities[0].options;
  }

  /** The certificate that has just this name, or else a wildcard for it (RFC 9525 §6.3); undefined where none has. */
  named(host: string): SecureContext | undefined {
    if (host.includes('\0')) return undefined; // OpenSSL lets none through, and checkHost() throws for it
    let wild: SecureContext | undefined;
    for (const { certificate, context } of this.#identities) {
      const name = certificate.checkHost(host, { partialWildcards: false });
      if (name?.toLowerCase() === host.toLowerCase()) return context;
      if (name !== undefined) wild ??= context;
    }
    return wild;
  }

  /** Reads the files again. Throws GatewayError TLS where one cannot be read or used: then all stays as it was. */
  reload(): void {
    this.#identities = load(this.#options);
  }
}

function checkTogether({ cert, key, clientCa = [], clientCert = 'none' }: TlsOptions): void {
  if (cert.length !== key.length || cert.length === 0) {
    throw new GatewayError(
      'USAGE',
      `Cannot serve TLS with ${counted(cert.length, 'certificate')} and ${counted(key.length, 'key')}: give each certificate its key, in the same order`,
    );
  }
  if (clientCert !== 'none' && clientCa.length === 0) {
    throw new GatewayError(
      'USAGE',
      `Cannot ask clients for certificates (${clientCert}): nobody is named who signs them; give clientCa`,
    );
  }
  if (clientCert === 'none' && clientCa.length > 0) {
    throw new GatewayError(
      'USAGE',
      'Cannot take clientCa: clients are not asked for certificates; set clientCert to optional or required',
    );
  }
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function load(options: TlsOptions): readonly [Identity, ...Identity[]] {
  const { clientCa = [], tlsMin = '1.2', tlsCiphers } = options;
  const ca = clientCa.map((source) => read(source, "clients' CA"));
  for (const [at, pem] of ca.entries()) certificateIn(pem, clientCa[at] ?? '', "clients' CA");
  const shared: SecureContextOptions = {
    minVersion: `TLSv${tlsMin}`,
    ...(ca.length > 0 && { ca }),
    ...(tlsCiphers !== undefined && { ciphers: tlsCiphers }),
  };
  checkShared(shared, tlsCiphers);
  const [first, ...others] = options.cert.map((cert, at) => identityOf(cert, options.key[at] ?? '', shared));
  if (!first) throw new GatewayError('USAGE', 'Cannot serve TLS without a certificate');
  return [first, ...others];
}

/** Without a certificate, so that what fails here is the ciphers' fault. */
function checkShared(shared: SecureContextOptions, ciphers = ''): void {
  try {
    createSecureContext(shared);
  } catch (error) {
    throw unusable(`TLS ciphers "${ciphers}"`, asError(error).message, error);
  }
}

function identityOf(cert: string, key: string, shared: SecureContextOptions): Identity {
  const pem = read(cert, 'certificate');
  const certificate = certificateIn(pem, cert, 'certificate');
  checkDates(certificate, cert);
  const keyPem = read(key, 'key');
  if (!certificate.checkPrivateKey(keyIn(keyPem, key))) {
    throw unusable(
      `key ${shown(key)}`,
      `it is not the one of the certificate ${shown(cert)}; give each certificate its key, in the same order`,
    );
  }
  const options = { ...shared, cert: pem, key: keyPem };
  try {
    return { certificate, options, context: createSecureContext(options) };
  } catch (error) {
    throw unusable(`certificate ${shown(cert)}`, asError(error).message, error);
  }
}

function certificateIn(pem: string, source: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw unusable(`${what} ${shown(source)}`, 'there is no certificate in PEM in it', error);
  }
}

function keyIn(pem: string, source: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const locked = pem.includes('ENCRYPTED');
    const why = locked
      ? 'it is encrypted; take that off (openssl pkey -in KEY -out PLAIN) and guard the file'
      : 'there is no private key in PEM in it';
    throw unusable(`key ${shown(source)}`, why, error);
  }
}

function checkDates({ validFrom, validTo }: X509Certificate, source: string): void {
  const now = Date.now();
  if (Date.parse(validTo) < now)
    throw unusable(`certificate ${shown(source)}`, `it has ended (${validTo}); renew it`);
  if (Date.parse(validFrom) > now) {
    throw unusable(
      `certificate ${shown(source)}`,
      `it begins later (${validFrom}); look at this machine's clock`,
    );
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

function read(source: string, what: string): string {
  if (isPem(source)) return source;
  try {
    return readFileSync(source, 'latin1');
  } catch (error) {
    const { code = '', message } = asError(error) as NodeJS.ErrnoException; // the file system's errors have a code
    throw new GatewayError('TLS', `Cannot read the ${what} ${shown(source)}: ${reasons[code] ?? message}`, {
      cause: error,
    });
  }
}

function isPem(source: string): boolean {
  return source.includes('-----BEGIN ');
}

/** Nothing of a key gets into a message. */
function shown(source: string): string {
  return isPem(source) ? 'in PEM' : `"${source}"`;
}

function unusable(what: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError('TLS', `Cannot use the ${what}: ${why}`, cause === undefined ? {} : { cause });
}
