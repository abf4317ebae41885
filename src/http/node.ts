// Requests of a node:http server as exchanges: for `--engine node`, and for a mount in somebody else's server.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import { deferred } from '../core/deferred.ts';
import { HttpError } from '../core/errors.ts';
import { type Log, silent } from '../core/log.ts';
import { addressOf } from './address.ts';
import { Deadlines } from './deadlines.ts';
import type { Origin } from './exchange.ts';
import { tlsInfo } from './handshakes.ts';
import { correctionFor, type ForwardedOptions } from './forwarded.ts';
import { type Limits, limitsOf } from './limits.ts';
import { NodeConnection } from './node/connection.ts';
import { readHead } from './node/head.ts';
import type { NodeHandler, NodeHouse } from './node/house.ts';

export interface NodeDeskOptions {
  readonly handler: NodeHandler;
  /** Those that node takes care of (heads, idle connections) are the server's own. */
  readonly limits?: Partial<Limits>;
  readonly log?: Log;
  /** Which proxies may speak for their clients; none by default. */
  readonly forwarded?: ForwardedOptions | undefined;
  /** Who is at the other end of a socket; by its addresses where it is left out. */
  readonly originOf?: (socket: Socket) => Origin;
  /** Its connections are ours, all of them: close() ends the idle ones too. */
  readonly owns?: boolean;
}

export interface Given {
  /** Node has sent 100 Continue already: true, but for a request of the `checkContinue` event. */
  readonly continued?: boolean;
  /** What the request line said, where a router has cut `request.url`. */
  readonly target?: string;
}

export class NodeDesk implements NodeHouse, AsyncDisposable {
  readonly handler: NodeHandler;
  readonly limits: Limits;
  readonly log: Log;
  readonly deadlines: Deadlines = new Deadlines();
  readonly correct: NodeHouse['correct'];
  draining = false;
  readonly #originOf: (socket: Socket) => Origin;
  readonly #owns: boolean;
  readonly #connections = new Map<Socket, NodeConnection>();
  #closed: Promise<void> | null = null;
  #emptied: (() => void) | null = null;

  constructor(options: NodeDeskOptions) {
    const { handler, limits = {}, log = silent, forwarded, originOf = origin, owns = false } = options;
    this.handler = handler;
    this.limits = limitsOf(limits);
    this.log = log;
    this.correct = forwarded ? correctionFor(forwarded) : null;
    this.#originOf = originOf;
    this.#owns = owns;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Serves a request of the `request` event, or of `checkContinue`. Never throws. */
  request(
    request: IncomingMessage,
    response: ServerResponse,
    { continued = true, target = request.url ?? '' }: Given = {},
  ): void {
    const read = this.#read(request, target);
    this.connection(request.socket).take({ request, response, read, continued, rest: null, inRequest: true });
  }

  /** Serves a request of the `upgrade` event: a WebSocket or not, for node has let go of the socket. Never throws. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { target = request.url ?? '' }: Given = {},
  ): void {
    const { socket: whole } = request;
    if (!whole) return void socket.destroy();
    const response = new ServerResponse(request);
    const read = this.#read(request, target);
    // Node 26 reads the body of such a request itself; older ones leave it on the socket, and call the request complete.
    const inRequest = !request.complete || request.readableLength > 0;
    this.connection(whole).take({ request, response, read, continued: false, rest: head, inRequest });
  }

  /** The connection of a socket, from now on if it is new. */
  connection(socket: Socket): NodeConnection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const made = new NodeConnection(socket, this, this.#originOf(socket), () => {
      this.#connections.delete(socket);
      this.#look();
    });
    this.#connections.set(socket, made);
    return made;
  }

  known(socket: Socket): NodeConnection | undefined {
    return this.#connections.get(socket);
  }

  /**
   * Lets running exchanges finish (their answers carry `connection: close`) for `grace` ms, then cuts. Safe to call
   * twice; a later call may shorten the grace.
   */
  async close(grace = 10_000): Promise<void> {
    this.#closed ??= this.#shut();
    const timer = setTimeout(() => this.#cut(), grace);
    if (grace <= 0) this.#cut();
    await this.#closed.finally(() => clearTimeout(timer));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  rested(): void {
    this.#look();
  }

  async #shut(): Promise<void> {
    this.draining = true;
    const empty = deferred();
    this.#emptied = empty.resolve;
    if (this.#owns) for (const connection of this.#connections.values()) connection.drain();
    this.#look();
    await empty.promise;
    this.deadlines.close();
  }

  #look(): void {
    if (!this.#emptied) return;
    const left = [...this.#connections.values()];
    if (this.#owns ? left.length === 0 : left.every(({ idle }) => idle)) this.#emptied();
  }

  #cut(): void {
    for (const connection of this.#connections.values())
      if (this.#owns || !connection.idle)
        connection.destroy('The server cut it: the time to finish was over');
  }

  #read(request: IncomingMessage, target: string): ReturnType<typeof readHead> | HttpError {
    try {
      return readHead(request, target, this.limits);
    } catch (error) {
      if (error instanceof HttpError) return error;
      this.log.error('The engine failed', { error });
      return new HttpError(500, 'The request could not be read', { cause: error });
    }
  }
}

/** Of a socket that somebody else listens for. */
function origin(socket: Socket): Origin {
  return {
    client: addressOf(socket.remoteAddress, socket.remotePort),
    server: addressOf(socket.localAddress, socket.localPort),
    secure: socket instanceof TLSSocket,
    tls: socket instanceof TLSSocket ? tlsInfo(socket) : null,
  };
}
