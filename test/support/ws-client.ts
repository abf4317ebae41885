// A WebSocket client on ws, with a deadline on every wait.
import { type ClientOptions, type RawData, WebSocket } from 'ws';

export type Received = string | Buffer;
export interface Closed {
  readonly code: number;
  readonly reason: string;
}
/** The server answered the handshake with something else than 101. */
export interface Denied {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const patience = 8000;

export class WsClient implements AsyncDisposable {
  readonly socket: WebSocket;
  headers: Denied['headers'] = {};
  readonly #queue: Received[] = [];
  #closed: Closed | null = null;
  #wake: () => void = () => {};
  pongs = 0;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('upgrade', (response) => {
      this.headers = response.headers;
    });
    socket.on('message', (data: RawData, binary: boolean) => {
      const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer); // binaryType is nodebuffer
      this.#queue.push(binary ? bytes : bytes.toString('utf8'));
      this.#wake();
    });
    socket.on('close', (code, reason) => {
      this.#closed = { code, reason: reason.toString('utf8') };
      this.#wake();
    });
    socket.on('pong', () => {
      this.pongs += 1;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  static async open(url: URL, protocols: string[] = [], options: ClientOptions = {}): Promise<WsClient> {
    const opened = await attempt(url, protocols, options);
    if ('status' in opened)
      throw new Error(`The handshake was answered with ${opened.status}: ${opened.body}`);
    return opened;
  }

  /** The handshake's answer where the server refuses it. */
  static async denied(url: URL, protocols: string[] = [], options: ClientOptions = {}): Promise<Denied> {
    const opened = await attempt(url, protocols, options);
    if ('status' in opened) return opened;
    await opened[Symbol.asyncDispose]();
    throw new Error('The handshake was accepted');
  }

  get protocol(): string {
    return this.socket.protocol;
  }

  send(message: string | Uint8Array): void {
    this.socket.send(message);
  }

  /** One message in as many frames as there are parts. */
  fragments(...parts: string[]): void {
    parts.forEach((part, index) => {
      this.socket.send(part, { fin: index === parts.length - 1, compress: false });
    });
  }

  async next(ms: number = patience): Promise<Received> {
    await this.#until(() => this.#queue.length > 0 || this.#closed !== null, 'a message', ms);
    const message = this.#queue.shift();
    if (message === undefined) throw new Error(`The socket was closed: ${JSON.stringify(this.#closed)}`);
    return message;
  }

  async closed(ms: number = patience): Promise<Closed> {
    await this.#until(() => this.#closed !== null, 'the close', ms);
    return this.#closed ?? { code: 0, reason: '' };
  }

  async pong(ms: number = patience): Promise<void> {
    await this.#until(() => this.pongs > 0, 'a pong', ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.closed();
  }

  async #until(ready: () => boolean, what: string, ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (!ready()) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${what} did not arrive in ${ms} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function attempt(url: URL, protocols: string[], options: ClientOptions): Promise<WsClient | Denied> {
  const target = new URL(url);
  target.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(target, protocols, {
    perMessageDeflate: false,
    handshakeTimeout: patience,
    ...options,
  });
  // Listens before the handshake is over, so that no early frame is missed.
  const client = new WsClient(socket);
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(client));
    socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    socket.on('error', reject);
  });
}
