// What an environ says of a TLS connection, under the names of Apache's mod_ssl.
import { X509Certificate } from 'node:crypto';

import { type ByteString, utf8ToByteString } from '../core/bytes.ts';
import type { TlsInfo } from '../http/exchange.ts';
import type { EnvironData } from './interface.ts';

type Variables = Readonly<Record<`SSL_${string}`, ByteString>>;

/** A connection carries many requests, and reading a certificate is slow. */
const known = new WeakMap<TlsInfo, Variables>();

export function addTls(environ: EnvironData, tls: TlsInfo): void {
  let variables = known.get(tls);
  if (!variables) {
    variables = variablesOf(tls);
    known.set(tls, variables);
  }
  Object.assign(environ, variables);
}

/** Whom a client says it is stands there only where it is trusted: an app may look at the name alone. */
function variablesOf({ protocol, cipher, serverName, clientChain, clientFault }: TlsInfo): Variables {
  const [pem] = clientChain;
  const sni = serverName === null ? {} : { SSL_TLS_SNI: utf8ToByteString(serverName) };
  const connection = { SSL_PROTOCOL: protocol, SSL_CIPHER: cipher, ...sni };
  if (clientFault !== null)
    return { ...connection, SSL_CLIENT_VERIFY: utf8ToByteString(`FAILED:${clientFault}`) };
  if (pem === undefined) return { ...connection, SSL_CLIENT_VERIFY: 'NONE' };
  return { ...connection, SSL_CLIENT_VERIFY: 'SUCCESS', ...clientOf(pem) };
}

function clientOf(pem: string): Variables {
  const { subject, issuer, serialNumber, validFrom, validTo } = new X509Certificate(pem);
  const names = subject.split('\n').filter((line) => line.startsWith('CN='));
  const [name] = names;
  return {
    SSL_CLIENT_S_DN: inOneLine(subject),
    ...(names.length === 1 && name !== undefined && { SSL_CLIENT_S_DN_CN: utf8ToByteString(name.slice(3)) }),
    SSL_CLIENT_I_DN: inOneLine(issuer),
    SSL_CLIENT_M_SERIAL: serialNumber,
    SSL_CLIENT_V_START: validFrom,
    SSL_CLIENT_V_END: validTo,
    SSL_CLIENT_CERT: pem,
  };
}

/** `CN=me,O=Org,C=US`: the last part of the name first (RFC 2253 §2). Node gives a line a part, its value escaped. */
function inOneLine(name: string): ByteString {
  return utf8ToByteString(name.replaceAll(' + ', '+').split('\n').reverse().join(','));
}
