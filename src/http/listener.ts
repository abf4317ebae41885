// A listening socket and its connections: accept, count, drain, close.
import { once } from 'node:events';
import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { deferred } from '../core/deferred.ts';
import { asError, GatewayError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { addressOf } from './address.ts';
import { steady } from './ballast.ts';
import type { Bind } from './bind.ts';
import { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { Doorway, type DoorwayOptions, type Hall } from './doorway.ts';
import { encodeRefusal } from './encoder.ts';
import type { Bound, Handler, Origin } from './exchange.ts';
import { correctionFor, type ForwardedOptions } from './forwarded.ts';
import type { Correction, House } from './house.ts';
import { type Limits, limitsOf } from './limits.ts';
import type { Arrived } from './ticket.ts';

export interface ListenerOptions extends DoorwayOptions {
  readonly handler: Handler;
  readonly limits?: Partial<Limits>;
  readonly log?: Log;
  /** Which proxies may speak for their clients; none by default. */
  readonly forwarded?: ForwardedOptions | undefined;
  /** Called for each connection as soon as HTTP may come: when it is accepted, behind the PROXY header and the handshake where there are any. */
  readonly arrived?: Arrived | undefined;
}

export class Listener implements AsyncDisposable, House, Hall {
  readonly handler: Handler;
  readonly limits: Limits;
  readonly log: Log;
  readonly deadlines: Deadlines = new Deadlines();
  readonly correct: Correction | null;
  readonly arrived: Arrived | null;
  draining = false;
  readonly #connections = new Set<Connection>();
  readonly #doorway: Doorway;
  readonly #server: Server;
  #bound: Bound = ['', 0];
  #closed: Promise<void> | null = null;
  #emptied: (() => void) | null = null;

  /** Throws GatewayError USAGE or TLS for a certificate, a key or a peer that cannot be used. */
  constructor(options: ListenerOptions) {
    const { handler, limits = {}, log = silent, tls, proxyProtocol, forwarded } = options;
    steady();
    this.handler = handler;
    this.limits = limitsOf(limits);
    this.log = log;
    this.correct = forwarded ? correctionFor(forwarded) : null;
    this.arrived = options.arrived ?? null;
    this.#doorway = new Doorway(this, { tls, proxyProtocol });
    const sockets = { allowHalfOpen: true, noDelay: true, highWaterMark: 64 * 1024 };
    this.#server = createServer(sockets, (socket) => this.#accept(socket));
  }

  /** Those in the doorway count. */
  get connections(): number {
    return this.#connections.size + this.#doorway.size;
  }

  /** Is it HTTPS? */
  get secure(): boolean {
    return this.#doorway.handshakes !== null;
  }

  /**
   * Reads the certificates again: handshakes from now on get them, connections that are there go on. Does nothing without
   * TLS. Throws GatewayError TLS where one cannot be used: then all stays as it was.
   */
  reloadTls(): void {
    this.#doorway.handshakes?.reload();
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
    this.#closed ??= this.#shut(grace);
    const timer = setTimeout(() => this.#cut(), grace);
    if (grace <= 0) this.#cut();
    await this.#closed.finally(() => clearTimeout(timer));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A connection is closed, or was given away. */
  left(connection: Connection): void {
    this.#connections.delete(connection);
    this.passed();
  }

  /** What is next on the socket is HTTP. */
  enter(socket: Socket, origin: Origin): void {
    const connection = new Connection(socket, this, origin);
    this.#connections.add(connection);
    // It was on its way in when the drain began: it gets a moment for its first request.
    if (this.draining) connection.deadline = performance.now() + this.limits.lingerTimeout;
    socket.resume();
  }

  /** Somebody has left. */
  passed(): void {
    if (this.connections === 0) this.#emptied?.();
  }

  #accept(socket: Socket): void {
    if (this.connections >= this.limits.maxConnections) return this.#turnAway(socket);
    if (this.#bound[1] === null) socket.resetAndDestroy = () => socket.destroy(); // it has no reset: Node would throw
    const origin = originOf(socket, this.#bound);
    if (this.#doorway.open) this.#connections.add(new Connection(socket, this, origin));
    else this.#doorway.receive(socket, origin);
  }

  #turnAway(socket: Socket): void {
    socket.on('error', () => {}); // it is refused: how it ends is of no interest
    this.log.debug('A connection was refused: there are too many', { client: socket.remoteAddress });
    if (this.secure) socket.destroy();
    else socket.end(encodeRefusal(503, 'Too many connections'), 'latin1', () => socket.destroy());
  }

  async #shut(grace: number): Promise<void> {
    this.draining = true;
    // What clients have sent by now lies in the kernel, not accepted or not read where the loop was blocked: four turns
    // take it in, and those connections are idle no more (60 clients of an app that blocks: 51 were reset without).
    for (let turn = 0; turn < 4 && grace > 0; turn += 1) await setImmediate();
    // Its callback would wait for sockets that were given away (WebSockets), which their owner closes; an error says
    // that it never listened.
    this.#server.close(() => {});
    if (this.connections > 0) {
      const empty = deferred();
      this.#emptied = empty.resolve;
      this.#doorway.drain();
      for (const connection of this.#connections) connection.drain();
      await empty.promise;
    }
    this.deadlines.close();
  }

  #cut(): void {
    this.#doorway.cut();
    for (const connection of this.#connections)
      connection.destroy('The server cut it: the time to finish was over');
  }
}

function originOf(socket: Socket, bound: Bound): Origin {
  return {
    client: addressOf(socket.remoteAddress, socket.remotePort),
    server: bound[1] === null ? bound : addressOf(socket.localAddress, socket.localPort),
    secure: false,
    tls: null,
  };
}

/** The kernel's room for a unix socket's path, on the narrowest of our systems; beyond it Node cuts the path off. */
const maxPath = process.platform === 'linux' ? 107 : 103;

/** A socket file that nobody listens on any more is in the way; anything else is left alone. */
export async function prepare(path: string): Promise<void> {
  if (Buffer.byteLength(path) > maxPath) {
    throw new GatewayError(
      'LISTEN',
      `Cannot listen on "unix:${path}": a socket's path has at most ${maxPath} bytes`,
    );
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && !found.isSocket()) {
    throw new GatewayError('LISTEN', `Cannot listen on "unix:${path}": a file that is no socket is there`);
  }
  if (!found) return;
  const probe = connect(path);
  try {
    await once(probe, 'connect');
  } catch (error) {
    // connect() fails with a system error, which has a code
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') unlinkSync(path);
  } finally {
    probe.destroy();
  }
}

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use; stop what holds it, or bind to another',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'permission denied; ports below 1024 and foreign folders need more rights',
  ENOTFOUND: 'there is no such host',
  ENOENT: 'its folder does not exist',
};

export function cannotListen(bind: Bind, error: NodeJS.ErrnoException): GatewayError {
  const where =
    bind.kind === 'unix'
      ? `unix:${bind.path}`
      : `${bind.host.includes(':') ? `[${bind.host}]` : bind.host}:${bind.port}`;
  const folder = bind.kind === 'unix' && !lstatSync(dirname(bind.path), { throwIfNoEntry: false });
  const why = folder ? advice['ENOENT'] : (advice[error.code ?? ''] ?? error.message);
  return new GatewayError('LISTEN', `Cannot listen on "${where}": ${why}`, { cause: error });
}
