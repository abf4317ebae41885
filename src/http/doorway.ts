// From an accepted socket to its first byte of HTTP: the PROXY header, the TLS handshake, each with its deadline.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { asError, HttpError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { TlsOptions } from './certificates.ts';
import type { Deadlined, Deadlines } from './deadlines.ts';
import { encodeRefusal } from './encoder.ts';
import type { Origin } from './exchange.ts';
import { Handshakes, tlsInfo } from './handshakes.ts';
import type { Limits } from './limits.ts';
import { type Peers, parsePeers } from './peers.ts';
import { readProxyHeader } from './proxy-protocol.ts';

export interface DoorwayOptions {
  /** HTTPS instead of HTTP. */
  readonly tls?: TlsOptions | undefined;
  /** The load balancers that may connect, each with a PROXY header first; none: no such header is read. */
  readonly proxyProtocol?: readonly string[] | undefined;
}

/** The house behind the doorway. */
export interface Hall {
  readonly limits: Limits;
  readonly log: Log;
  readonly deadlines: Deadlines;
  /** The socket's next byte is one of HTTP. It is paused. */
  enter(socket: Socket, origin: Origin): void;
  /** Somebody has left the doorway, inwards or outwards. */
  passed(): void;
}

/** What can be agreed on by ALPN (RFC 7301), the best first. */
const protocols = ['http/1.1'];

export class Doorway {
  readonly hall: Hall;
  readonly handshakes: Handshakes | null;
  readonly #proxies: Peers | null;
  readonly #visits = new Set<Visit>();

  /** Throws GatewayError USAGE or TLS for what cannot be used. */
  constructor(hall: Hall, { tls, proxyProtocol = [] }: DoorwayOptions) {
    this.hall = hall;
    this.handshakes = tls ? new Handshakes(tls, protocols) : null;
    this.#proxies = proxyProtocol.length > 0 ? parsePeers(proxyProtocol) : null;
  }

  /** Those who stand in it. */
  get size(): number {
    return this.#visits.size;
  }

  /** Is there anything to do before HTTP? */
  get open(): boolean {
    return this.handshakes === null && this.#proxies === null;
  }

  receive(socket: Socket, origin: Origin): void {
    // It must not be guessed whether there is a header ("The PROXY protocol", section 2): the address decides.
    if (this.#proxies && !this.#proxies.has(origin.client)) {
      this.hall.log.debug('A connection was refused: its peer is not one of proxyProtocol', {
        client: origin.client?.[0],
      });
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.#visits.add(new Visit(this, socket, { origin, header: this.#proxies !== null }));
  }

  /** Those who have not said a word go; the others may go on, until their deadline. */
  drain(): void {
    for (const visit of this.#visits) if (visit.silent) visit.end('The server closes');
  }

  cut(): void {
    for (const visit of this.#visits) visit.end('The server cut it: the time to finish was over');
  }

  left(visit: Visit): void {
    this.#visits.delete(visit);
    this.hall.passed();
  }
}

/** One socket on its way in. */
class Visit implements Deadlined {
  deadline = 0;
  silent = true;
  readonly #door: Doorway;
  readonly #socket: Socket;
  #origin: Origin;
  #step: 'header' | 'hello' | 'handshake' | 'refused' | 'over' = 'hello';
  #bytes: Buffer = Buffer.alloc(0);

  constructor(door: Doorway, socket: Socket, { origin, header }: { origin: Origin; header: boolean }) {
    this.#door = door;
    this.#socket = socket;
    this.#origin = origin;
    const { headTimeout, handshakeTimeout } = door.hall.limits;
    this.#enterStep(header ? 'header' : 'hello', header ? headTimeout : handshakeTimeout);
    door.hall.deadlines.add(this);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
  }

  late(): void {
    const { headTimeout, handshakeTimeout } = this.#door.hall.limits;
    if (this.#step === 'header') this.end(`No PROXY header came within ${headTimeout} ms`);
    else if (this.#step === 'refused') this.end('It did not close in time');
    else this.end(`The TLS handshake took longer than ${handshakeTimeout} ms`);
  }

  /** It leaves outwards. Scanners come by all day long: that is no error of anybody's. */
  end(why: string): void {
    if (this.#step === 'over') return;
    if (this.#step !== 'refused')
      this.#door.hall.log.debug('A connection ended before HTTP', { why, client: this.#origin.client?.[0] });
    this.#leave();
    this.#socket.destroy();
  }

  /* ── what the socket says ── */

  /** Stays to the end: a reset may come at any time, and below TLS nobody else listens. */
  readonly #onError = (): void => {};
  readonly #onClose = (): void => this.end('The client is gone');
  readonly #onEnd = (): void => this.end('The client is gone');

  readonly #onData = (bytes: Buffer): void => {
    if (this.#step === 'refused') return; // read on, so that the client gets its answer
    this.silent = false;
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    try {
      if (this.#step === 'header') this.#readHeader();
      if (this.#step === 'hello' && this.#bytes.length > 0) this.#readHello();
    } catch (error) {
      this.end(asError(error).message);
    }
  };

  /* ── step by step ── */

  #enterStep(step: 'header' | 'hello' | 'handshake' | 'refused', ms: number): void {
    this.#step = step;
    this.deadline = performance.now() + ms;
  }

  #readHeader(): void {
    const header = readProxyHeader(this.#bytes);
    if (!header) return;
    this.#bytes = this.#bytes.subarray(header.length);
    if (header.ends) this.#origin = { ...this.#origin, ...header.ends };
    if (this.#door.handshakes) this.#enterStep('hello', this.#door.hall.limits.handshakeTimeout);
    else this.#enter(this.#socket, this.#origin);
  }

  /** The first byte tells: a TLS record with a handshake in it (RFC 8446 §5.1), or a request that came to a wrong door. */
  #readHello(): void {
    const { handshakes } = this.#door;
    const [first = 0] = this.#bytes;
    if (first !== 0x16 || !handshakes) return this.#refuse(first);
    this.#step = 'handshake';
    this.#release();
    handshakes.begin(this.#socket, (outcome) => this.#shaken(outcome));
  }

  #refuse(first: number): void {
    const letter = first >= 0x41 && first <= 0x5a;
    if (!letter) return this.end('It began with neither TLS nor HTTP');
    const why = new HttpError(400, 'Plain HTTP was sent to an HTTPS port: ask for https://');
    this.#door.hall.log.debug('A request was refused', { status: why.status, why: why.message });
    this.#enterStep('refused', this.#door.hall.limits.lingerTimeout);
    this.#socket.end(encodeRefusal(why.status, why.message), 'latin1');
  }

  #shaken(outcome: TLSSocket | Error): void {
    if (outcome instanceof Error) return this.end(`The TLS handshake failed: ${outcome.message}`);
    if (this.#step === 'over') return void outcome.destroy();
    this.#enter(outcome, { ...this.#origin, secure: true, tls: tlsInfo(outcome) });
  }

  /** It leaves inwards. */
  #enter(socket: Socket, origin: Origin): void {
    const { hall } = this.#door;
    if (socket === this.#socket) this.#release();
    this.#socket.off('close', this.#onClose);
    hall.enter(socket, origin);
    this.#leave();
  }

  /** The socket is somebody else's from now on, with the bytes that were read too far. */
  #release(): void {
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.pause();
    if (this.#bytes.length > 0) socket.unshift(this.#bytes);
    this.#bytes = Buffer.alloc(0);
  }

  #leave(): void {
    this.#step = 'over';
    this.#door.hall.deadlines.delete(this);
    this.#door.left(this);
  }
}
