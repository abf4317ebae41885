// An async app as the listener of a node:http server: beside Express, in a server that is there already.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import type { AsyncApp, HttpScope, WebSocketScope } from '../async/interface.ts';
import { decodePath } from '../async/scope.ts';
import { AsyncServer, type AsyncServerOptions } from '../async/server.ts';
import { asError, HttpError } from '../core/errors.ts';
import { createLog } from '../core/log.ts';
import { type Given, NodeDesk } from '../http/node.ts';

/** Heads and idle connections are limited by the node:http server; of `limits` the others hold. */
export type ToNodeOptions = Omit<AsyncServerOptions, 'engine'>;

/** What `createServer()` and `app.use()` take. */
export interface NodeListenerFunction extends AsyncDisposable {
  (request: IncomingMessage, response: ServerResponse): void;
  /** For `server.on('upgrade', …)`: without it WebSockets are refused. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** For `server.on('checkContinue', …)`: without it node:http sends 100 Continue before the app has asked for the body. */
  readonly checkContinue: (request: IncomingMessage, response: ServerResponse) => void;
  /** Starts the app (lifespan). The first request does it otherwise. Rejects with GatewayError APP_START. */
  start(): Promise<void>;
  /**
   * Lets what runs finish for `grace` ms (10 000 by default), cuts it, and shuts the app down (lifespan). Further requests
   * are answered 503. Close the node:http server first: it keeps accepting otherwise. Never rejects; safe to call twice.
   */
  close(grace?: number): Promise<void>;
}

/**
 * Mounts an async app, or a sync one by way of `syncToAsync()`, in a node:http server. Under a prefix that a router has
 * cut off (`request.originalUrl` still has it, as in Express and Connect) the app's root_path is that prefix.
 */
export function toNode(app: AsyncApp, options: ToNodeOptions = {}): NodeListenerFunction {
  const mount = new Mount(app, options);
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    mount.desk.request(request, response, given(request));
  return Object.assign(listener, {
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer): void =>
      mount.desk.upgrade(request, socket, head, given(request)),
    checkContinue: (request: IncomingMessage, response: ServerResponse): void =>
      mount.desk.request(request, response, { ...given(request), continued: false }),
    start: () => mount.start(),
    close: (grace?: number) => mount.close(grace),
    [Symbol.asyncDispose]: () => mount.close(),
  });
}

type Serve = NodeDesk['handler'];

/** The async server without a listener of its own: a desk takes in what node:http gives out. */
class Mount {
  readonly desk: NodeDesk;
  readonly #server: AsyncServer;
  /** The prefix of each request that has one, by its id. */
  readonly #roots = new Map<string, string>();
  #serve: Serve = () => Promise.reject(new HttpError(503, 'The app was not started'));
  #started: Promise<void> | null = null;
  #closed = false;

  constructor(app: AsyncApp, options: ToNodeOptions) {
    const { limits = {}, log = createLog({ level: 'warn' }), forwarded } = options;
    this.desk = new NodeDesk({
      handler: (exchange, request) => this.#handle(exchange, request),
      limits,
      log,
      forwarded,
    });
    this.#server = new AsyncServer(this.#rooted(app), {
      ...options,
      engine: ({ handler }) => {
        this.#serve = handler;
        const close = (grace?: number): Promise<void> => this.desk.close(grace);
        return {
          listen: async () => ['', 0],
          close,
          secure: false,
          reloadTls: () => {}, // the server that it is mounted in has the certificates
          [Symbol.asyncDispose]: close,
        };
      },
    });
  }

  start(): Promise<void> {
    this.#started ??= this.#server.listen(':0').then(() => {});
    return this.#started;
  }

  close(grace?: number): Promise<void> {
    this.#closed = true;
    return this.#server.close(grace);
  }

  async #handle(...[exchange, request]: Parameters<Serve>): Promise<void> {
    if (this.#closed) throw new HttpError(503, 'The app has been shut down');
    try {
      await this.start();
    } catch (error) {
      this.desk.log.error('The app did not start', { error: asError(error) });
      throw new HttpError(503, 'The app did not start', { cause: error });
    }
    const { root } = placeOf(request);
    if (root === '') {
      await this.#serve(exchange, request);
      return;
    }
    this.#roots.set(exchange.id, decodePath(root));
    try {
      await this.#serve(exchange, request);
    } finally {
      this.#roots.delete(exchange.id);
    }
  }

  /** The app, told where it is mounted: a scope's path has its root_path in it. */
  #rooted(app: AsyncApp): AsyncApp {
    return (scope, receive, send) => {
      const root = scope.type === 'lifespan' ? undefined : this.#roots.get(idOf(scope));
      return app(root === undefined ? scope : Object.assign(scope, { root_path: root }), receive, send);
    };
  }
}

function idOf({ extensions }: HttpScope | WebSocketScope): string {
  return String(extensions['dualgate.request']?.['id']);
}

function given(request: IncomingMessage): Given {
  return { target: placeOf(request).target };
}

/** What the client asked for, and which part of its path a router has cut off. */
function placeOf(request: IncomingMessage): { target: string; root: string } {
  const { url = '' } = request;
  const target = 'originalUrl' in request ? request.originalUrl : url;
  if (typeof target !== 'string' || target === url) return { target: url, root: '' };
  const [path = ''] = target.split('?', 1);
  const [rest = ''] = url.split('?', 1);
  if (path.endsWith(rest)) return { target, root: path.slice(0, path.length - rest.length) };
  if (rest === '/') return { target, root: path }; // "/prefix" without its slash
  return { target: url, root: '' }; // rewritten: the app is meant to see what it was rewritten to
}
