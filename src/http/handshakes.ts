// TLS over sockets that are there already: each handshake to a secure socket, and what was agreed on in it.
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';

import { asError } from '../core/errors.ts';
import { Certificates, type TlsOptions } from './certificates.ts';
import type { TlsInfo } from './exchange.ts';

/** How a handshake went: the secure socket, or why there is none. */
type Over = (outcome: TLSSocket | Error) => void;

/** Node's own clock for a handshake, in ms: beyond any of ours, which are the wheel's. */
const never = 2 ** 31 - 1;

export class Handshakes {
  readonly #certificates: Certificates;
  /** It never listens: it is given sockets (`net.Server` event 'connection'), and knows how to agree on TLS with them. */
  readonly #server: Server;
  readonly #waiting = new WeakMap<Socket, Over>();

  /** `protocols` are those of ALPN, the best first. Throws GatewayError USAGE or TLS for what cannot be used. */
  constructor(options: TlsOptions, protocols: readonly string[]) {
    this.#certificates = new Certificates(options);
    const { clientCert = 'none' } = options;
    this.#server = createServer({
      ...this.#certificates.first,
      ALPNProtocols: [...protocols],
      requestCert: clientCert !== 'none',
      rejectUnauthorized: clientCert === 'required',
      handshakeTimeout: never,
      SNICallback: (host, done) => done(null, this.#certificates.named(host)),
    });
    this.#server.on('secureConnection', (socket) => this.#end(socket, socket));
    this.#server.on('tlsClientError', (error, socket) => this.#end(socket, faultOf(socket) ?? error));
  }

  /** Reads the certificates again, for the handshakes that begin from now on. Throws GatewayError TLS; then all stays. */
  reload(): void {
    this.#certificates.reload();
    // addContext() only grows: hosts are looked up in our own list, and this is for all others.
    this.#server.setSecureContext(this.#certificates.first);
  }

  /** Takes the socket, with what is buffered in it, and calls `over` once. Whoever destroys the socket ends it early. */
  begin(raw: Socket, over: Over): void {
    this.#waiting.set(raw, over);
    raw.allowHalfOpen = false; // in mid-handshake a FIN is the end: the TLS socket takes this over
    this.#server.emit('connection', raw);
  }

  #end(socket: TLSSocket, outcome: TLSSocket | Error): void {
    const raw = rawOf(socket);
    const over = raw && this.#waiting.get(raw);
    if (!raw || !over) return void socket.destroy();
    this.#waiting.delete(raw);
    if (outcome === socket) {
      socket.allowHalfOpen = true;
      socket.disableRenegotiation(); // TLS 1.2: work for us, and none for the client; OpenSSL 3 refuses it by itself
      // Node refuses to reset a TLSSocket (ERR_INVALID_HANDLE_TYPE): the socket below can.
      socket.resetAndDestroy = () => {
        raw.resetAndDestroy();
        return socket;
      };
    }
    over(outcome);
  }
}

/** What was agreed on. */
export function tlsInfo(socket: TLSSocket): TlsInfo {
  const clientChain = chainOf(socket.getPeerX509Certificate());
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    serverName: servernameOf(socket),
    clientChain,
    clientFault: clientChain.length > 0 ? (faultOf(socket)?.message ?? null) : null,
  };
}

/** Why the client's certificate is not trusted. Typed as an error, and in truth a code such as `CERT_HAS_EXPIRED`. */
function faultOf({ authorizationError }: TLSSocket): Error | null {
  if (!authorizationError) return null;
  return typeof authorizationError === 'string' ? new Error(authorizationError) : asError(authorizationError);
}

/** The client's own first, and who signed it, as far as it is known; a root signs itself. */
function chainOf(certificate: X509Certificate | undefined): string[] {
  const chain: string[] = [];
  for (let one = certificate; one && chain.length < 10; one = one.issuerCertificate) {
    const pem = one.toString();
    if (chain.at(-1) === pem) break;
    chain.push(pem);
  }
  return chain;
}

/** Node says false where the client asked for no host; its types know of no such property. */
function servernameOf(socket: TLSSocket): string | null {
  const { servername } = socket as TLSSocket & { readonly servername?: string | false };
  return servername || null;
}

/**
 * The socket below. Node has no public word for it, and says of a secure socket only that it is there; this property is
 * as old as TLSSocket. Where it is missing, the connection is closed, and every test of TLS fails.
 */
function rawOf(socket: TLSSocket): Socket | undefined {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent;
}
