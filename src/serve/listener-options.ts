// Settings as what a listener takes, the same on every carrier: limits, TLS, and the proxies that are trusted.
import type { AsyncServerOptions } from '../async/server.ts';
import type { TlsOptions } from '../http/certificates.ts';
import type { Settled } from './settings.ts';

type Taken = Required<Pick<AsyncServerOptions, 'limits' | 'forwarded' | 'proxyProtocol'>> &
  Pick<AsyncServerOptions, 'tls'>;

export function listenerOptions(config: Settled): Taken {
  return {
    limits: {
      maxHead: config.maxHead,
      maxHeaders: config.maxHeaders,
      maxTarget: config.maxTarget,
      maxBody: config.maxBody,
      maxExtensions: config.maxExtensions,
      maxTrailers: config.maxTrailers,
      maxRequests: config.requestsPerConnection,
      maxConnections: config.maxConnections,
      maxBuffered: config.maxBuffered,
      maxDrained: config.maxDrained,
      headTimeout: config.headTimeout,
      idleTimeout: config.idleTimeout,
      bodyGrace: config.bodyGrace,
      bodyRate: config.bodyRate,
      sendTimeout: config.sendTimeout,
      lingerTimeout: config.lingerTimeout,
      handshakeTimeout: config.handshakeTimeout,
      underscores: config.underscoreHeaders,
    } satisfies Required<Taken['limits']>, // none is forgotten
    forwarded: {
      proxies: config.trustedProxies,
      hops: config.trustedHops,
      family: config.forwardedHeaders,
      host: config.forwardedHost,
    },
    proxyProtocol: config.proxyProtocol,
    tls: tlsOf(config),
  };
}

/** A setting of TLS without a certificate is a mistake: plain HTTP where somebody means to be safe. */
function tlsOf({ cert, key, clientCa, clientCert, tlsMin, tlsCiphers }: Settled): TlsOptions | undefined {
  const wanted =
    cert.length + key.length + clientCa.length > 0 || clientCert !== 'none' || tlsCiphers !== undefined;
  if (!wanted) return undefined;
  return { cert, key, clientCa, clientCert, tlsMin, ...(tlsCiphers !== undefined && { tlsCiphers }) };
}
