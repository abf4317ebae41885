// A listening node:http server whose requests are exchanges: what `--engine node` stands on.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { asError, Disconnected, GatewayError, HttpError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { addressOf } from '../address.ts';
import type { Bind } from '../bind.ts';
import { encodeRefusal } from '../encoder.ts';
import type { Bound, Origin } from '../exchange.ts';
import { listOf } from '../grammar.ts';
import type { Limits } from '../limits.ts';
import { cannotListen, type ListenerOptions, prepare } from '../listener.ts';
import { NodeDesk } from '../node.ts';

export interface NodeListenerOptions extends ListenerOptions {
  /** Requests that ask for an upgrade come with their socket; without it they are plain ones. True by default. */
  readonly upgrades?: boolean;
}

export class NodeListener implements AsyncDisposable {
  readonly #desk: NodeDesk;
  readonly #server: Server;
  #bound: Bound = ['', 0];
  #closed: Promise<void> | null = null;

  /** Throws GatewayError USAGE for TLS, the PROXY protocol and tickets: they are the own engine's. */
  constructor(options: NodeListenerOptions) {
    const { handler, limits, log, forwarded, tls, proxyProtocol, arrived, upgrades = true } = options;
    const proxied = (proxyProtocol ?? []).length > 0;
    if (tls || proxied)
      throw new GatewayError(
        'USAGE',
        `Cannot take ${tls ? 'TLS' : 'the PROXY protocol'} on node:http: leave the engine at "own", or put a proxy before it`,
      );
    if (arrived)
      throw new GatewayError(
        'USAGE',
        'Cannot keep a place for each connection on node:http: leave the engine at "own"',
      );
    this.#desk = new NodeDesk({
      handler: (exchange) => handler(exchange),
      owns: true,
      forwarded,
      originOf: (socket) => this.#originOf(socket),
      ...(limits && { limits }),
      ...(log && { log }),
    });
    this.#server = serverFor(this.limits, upgrades);
    this.#listenTo(this.#server, upgrades);
  }

  get limits(): Limits {
    return this.#desk.limits;
  }
  get log(): Log {
    return this.#desk.log;
  }
  get draining(): boolean {
    return this.#desk.draining;
  }
  get secure(): boolean {
    return false;
  }
  get connections(): number {
    return this.#desk.connections;
  }

  /** Resolves once connections are accepted. Rejects with GatewayError LISTEN, which says what to do. */
  async listen(bind: Bind): Promise<Bound> {
    if (bind.kind === 'unix') await prepare(bind.path);
    const server = this.#server;
    try {
      server.listen(bind.kind === 'unix' ? { path: bind.path } : { host: bind.host, port: bind.port });
      await once(server, 'listening');
    } catch (error) {
      throw cannotListen(bind, asError(error));
    }
    server.on('error', (error) => this.log.error('Accepting failed', { error }));
    const address = server.address();
    if (address === null) throw new GatewayError('LISTEN', 'Cannot listen: the server was closed meanwhile');
    this.#bound = typeof address === 'string' ? [address, null] : [address.address, address.port];
    return this.#bound;
  }

  /**
   * Stops accepting, closes idle connections, lets running exchanges finish (their answers carry `connection: close`)
   * for `grace` ms, then cuts. Safe to call twice; a later call may shorten the grace.
   */
  async close(grace = 10_000): Promise<void> {
    this.#closed ??= this.#stop(grace);
    await this.#closed;
    await this.#desk.close(grace);
  }

  reloadTls(): void {} // there is none

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What clients have sent by now lies in the kernel: four turns take it in, as in Listener. */
  async #stop(grace: number): Promise<void> {
    this.#desk.draining = true;
    for (let turn = 0; turn < 4 && grace > 0; turn += 1) await setImmediate();
    this.#server.close(() => {}); // an error says that it never listened
  }

  #listenTo(server: Server, upgrades: boolean): void {
    const desk = this.#desk;
    server.on('connection', (socket: Socket) => this.#accept(socket));
    server.on('request', (request, response) => desk.request(request, response));
    server.on('checkContinue', (request, response) => desk.request(request, response, { continued: false }));
    // Any other expectation: the head is refused where it is read.
    server.on('checkExpectation', (request, response) => desk.request(request, response));
    server.on('connect', (request: IncomingMessage, _socket, head: Buffer) =>
      desk.upgrade(request, request.socket, head),
    );
    if (upgrades)
      server.on('upgrade', (request: IncomingMessage, _socket, head: Buffer) =>
        desk.upgrade(request, request.socket, head),
      );
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // node:http gives the very socket of its connection
      const known = desk.known(socket as Socket);
      if (!known) return void socket.destroy();
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && known.silent) known.close();
      else known.fail(faultOf(error, this.limits));
    });
  }

  #accept(socket: Socket): void {
    if (this.connections >= this.limits.maxConnections) {
      socket.on('error', () => {}); // it is refused: how it ends is of no interest
      this.log.debug('A connection was refused: there are too many', { client: socket.remoteAddress });
      socket.end(encodeRefusal(503, 'Too many connections'), 'latin1', () => socket.destroy());
      return;
    }
    const connection = this.#desk.connection(socket);
    // Node ends a connection behind its last answer with this: unread bytes would reset the answer away.
    socket.destroySoon = connection.close;
  }

  #originOf(socket: Socket): Origin {
    return {
      client: addressOf(socket.remoteAddress, socket.remotePort),
      server: this.#bound[1] === null ? this.#bound : addressOf(socket.localAddress, socket.localPort),
      secure: false,
      tls: null,
    };
  }
}

/** Our limits, as far as node has words for them; the rest is looked at by each connection. */
function serverFor(limits: Limits, upgrades: boolean): Server {
  const { maxHead, maxHeaders, headTimeout, idleTimeout } = limits;
  const options = {
    noDelay: true,
    highWaterMark: 64 * 1024,
    maxHeaderSize: maxHead,
    headersTimeout: headTimeout,
    requestTimeout: 0, // a body has a rate, not an end: Pace
    keepAliveTimeout: idleTimeout,
    connectionsCheckingInterval: Math.max(50, Math.min(500, headTimeout / 2)),
    requireHostHeader: false, // refused where all of the head is checked
    insecureHTTPParser: false,
    // Node 24.9 and newer ask; older ones stop at each request that names an upgrade.
    shouldUpgradeCallback: (request: IncomingMessage): boolean => upgrades && asksForSocket(request),
  };
  const server = createServer(options);
  // Node drops what is beyond its count without a word: one more shows that there are too many.
  server.maxHeadersCount = maxHeaders + 1;
  server.timeout = 0;
  return server;
}

/** Does an upgrade come with its socket? Not with a body, nor to h2c, which nobody here speaks: those are plain requests, and kept. */
function asksForSocket({ headers }: IncomingMessage): boolean {
  const bodiless = headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0';
  return bodiless && !listOf(headers.upgrade ?? '').includes('h2c');
}

/** What node's parser says, as our own would. */
function faultOf(
  { code = '', message }: NodeJS.ErrnoException,
  { maxHead }: Limits,
): HttpError | Disconnected {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError(431, `Cannot read the head: it is longer than ${maxHead} bytes`);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError(408, 'The request did not come in time');
    case 'HPE_INVALID_VERSION':
      return new HttpError(505, `Cannot read the head: ${message}`);
    case 'HPE_INVALID_EOF_STATE':
      return new Disconnected();
    default:
      if (code.startsWith('HPE_')) return new HttpError(400, `Cannot read the request: ${message}`);
      return new Disconnected(undefined, { cause: message });
  }
}
