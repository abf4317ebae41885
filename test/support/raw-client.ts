// A raw HTTP client: bytes out, bytes in, and a deadline on every wait.
import type { X509Certificate } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, TLSSocket, connect as tlsConnect } from 'node:tls';

export interface Head {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** As they came, names in the sender's case. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  get(name: string): string | undefined;
  all(name: string): string[];
}

export interface Answer extends Head {
  /** Statuses of the 1xx answers that came before. */
  readonly early: readonly number[];
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  readonly body: Buffer;
  readonly text: string;
  /** The chunks as they were framed; empty where the answer is not chunked. */
  readonly chunks: readonly Buffer[];
  /** False where the connection ended before the framing said so. */
  readonly complete: boolean;
}

interface AnswerOptions {
  /** Of the request: HEAD has no body. */
  readonly method?: string;
  readonly ms?: number;
}

export type Ending = 'end' | 'reset';

/** How long a wait may take, in milliseconds, where the test says nothing else. */
const patience = 8000;

export class RawClient implements AsyncDisposable {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #received = 0;
  #ending: Ending | null = null;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#received += bytes.length;
      this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
      this.#wake();
    });
    socket.on('end', () => this.#finish('end'));
    socket.on('error', () => this.#finish('reset'));
    socket.on('close', () => this.#finish('reset'));
  }

  /**
   * Connects to an `http:` or `https:` URL, or to a unix socket where `where` is a path. With TLS whoever answers is
   * trusted, unless `tls` says otherwise.
   */
  static async open(where: URL | string, tls: ConnectionOptions = {}): Promise<RawClient> {
    const target =
      typeof where === 'string'
        ? { path: where }
        : { host: where.hostname.replace(/^\[|\]$/g, ''), port: Number(where.port) };
    const secure = where instanceof URL && where.protocol === 'https:';
    const options = { ...target, allowHalfOpen: true };
    const socket = secure ? tlsConnect({ ...options, rejectUnauthorized: false, ...tls }) : connect(options);
    await new Promise<void>((resolve, reject) => {
      socket.once(secure ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('The connection was closed before it was there')));
    });
    return new RawClient(socket);
  }

  /** The socket as a secure one. */
  get tls(): TLSSocket {
    if (this.#socket instanceof TLSSocket) return this.#socket;
    throw new Error('It is no TLS connection');
  }

  /** What the server has shown. */
  get certificate(): X509Certificate {
    const certificate = this.tls.getPeerX509Certificate();
    if (!certificate) throw new Error('The server has shown no certificate');
    return certificate;
  }

  /** How many bytes have arrived so far. */
  get received(): number {
    return this.#received;
  }

  /** How many bytes of what was sent still wait in this process. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  get ending(): Ending | null {
    return this.#ending;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  send(bytes: string | Uint8Array): this {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** Sends the lines of a head, with the empty one behind them. */
  request(...lines: string[]): this {
    return this.send(`${lines.join('\r\n')}\r\n\r\n`);
  }

  /** Resolves when all that was sent is with the kernel, or the connection is gone. */
  async flushed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.write('', () => resolve());
    });
  }

  /** Nothing is read until resume(): what a stalled client does. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Half-closes: the server sees the end of what we send. */
  end(): void {
    this.#socket.end();
  }

  /** Goes away with a RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** The next head, a 1xx one included. */
  async head(ms: number = patience): Promise<Head> {
    const end = await this.#until(() => at(this.#bytes, '\r\n\r\n'), 'a response head', ms);
    const text = this.#take(end + 4).toString('latin1');
    return parseHead(text.slice(0, -4));
  }

  /** The next whole answer, or as much of it as came before the connection ended. */
  async answer(options: AnswerOptions = {}): Promise<Answer> {
    const { method = 'GET', ms = patience } = options;
    const early: number[] = [];
    let head = await this.head(ms);
    while (head.status < 200 && head.status !== 101) {
      early.push(head.status);
      head = await this.head(ms);
    }
    const bodiless = method === 'HEAD' || head.status === 204 || head.status === 304 || head.status === 101;
    const body = bodiless ? none() : await this.#body(head, ms);
    return { ...head, ...body, early, text: body.body.toString('utf8') };
  }

  /** Waits until `text` has arrived and takes everything up to its end. */
  async until(text: string, ms: number = patience): Promise<string> {
    const where = await this.#until(() => at(this.#bytes, text), JSON.stringify(text), ms);
    return this.#take(where + text.length).toString('latin1');
  }

  /** Takes exactly `size` bytes. */
  async bytes(size: number, ms: number = patience): Promise<Buffer> {
    await this.#until(() => (this.#bytes.length >= size ? true : undefined), `${size} bytes`, ms);
    return this.#take(size);
  }

  /** How the connection ended, and what came before that and was not taken yet. */
  async closed(ms: number = patience): Promise<{ ending: Ending; rest: Buffer }> {
    const ending = await this.#until(() => this.#ending ?? undefined, 'the end of the connection', ms, false);
    return { ending, rest: this.#take(this.#bytes.length) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  async #body(head: Head, ms: number): Promise<Pick<Answer, 'framing' | 'body' | 'chunks' | 'complete'>> {
    if (head.get('transfer-encoding')?.toLowerCase() === 'chunked') return await this.#chunked(ms);
    const length = head.get('content-length');
    if (length !== undefined) {
      const body = await this.#upTo(Number(length), ms);
      return { framing: 'length', body, chunks: [], complete: body.length === Number(length) };
    }
    const { ending, rest } = await this.closed(ms);
    return { framing: 'close', body: rest, chunks: [], complete: ending === 'end' };
  }

  async #chunked(ms: number): Promise<Pick<Answer, 'framing' | 'body' | 'chunks' | 'complete'>> {
    const chunks: Buffer[] = [];
    const result = (complete: boolean) =>
      ({ framing: 'chunked', body: Buffer.concat(chunks), chunks, complete }) as const;
    for (;;) {
      const line = await this.#line(ms);
      if (line === null) return result(false);
      if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`Not a chunk size: ${JSON.stringify(line)}`);
      const size = Number.parseInt(line, 16);
      if (size === 0) break;
      const chunk = await this.#upTo(size + 2, ms);
      if (chunk.length < size + 2) return result(false);
      chunks.push(chunk.subarray(0, size));
    }
    for (;;) {
      const line = await this.#line(ms);
      if (line === null) return result(false);
      if (line === '') return result(true);
    }
  }

  /** The next line, or null where the connection ended before its end. */
  async #line(ms: number): Promise<string | null> {
    const end = await this.#until(
      () => at(this.#bytes, '\r\n') ?? (this.#ending ? -1 : undefined),
      'a line',
      ms,
      false,
    );
    return end === -1
      ? null
      : this.#take(end + 2)
          .toString('latin1')
          .slice(0, -2);
  }

  async #upTo(size: number, ms: number): Promise<Buffer> {
    const enough = () => (this.#bytes.length >= size || this.#ending ? true : undefined);
    await this.#until(enough, `${size} bytes`, ms, false);
    return this.#take(Math.min(size, this.#bytes.length));
  }

  #take(size: number): Buffer {
    const taken = this.#bytes.subarray(0, size);
    this.#bytes = this.#bytes.subarray(size);
    return taken;
  }

  #finish(how: Ending): void {
    this.#ending ??= how;
    this.#wake();
  }

  async #until<T>(look: () => T | undefined, what: string, ms: number, needed = true): Promise<T> {
    const deadline = performance.now() + ms;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const left = deadline - performance.now();
      if ((needed && this.#ending) || left <= 0) throw new Error(this.#missing(what, ms));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #missing(what: string, ms: number): string {
    const why = this.#ending ? `the connection ended (${this.#ending})` : `${ms} ms passed`;
    return `${what} did not arrive: ${why}; unread: ${JSON.stringify(this.#bytes.subarray(0, 400).toString('latin1'))}`;
  }
}

/** One exchange on a connection of its own. The lines are those of the head; `connection: close` is added. */
export async function once(
  where: URL | string,
  lines: string[],
  body: string | Uint8Array = '',
): Promise<Answer> {
  await using client = await RawClient.open(where);
  client.request(...lines, 'connection: close').send(body);
  return await client.answer({ method: lines[0]?.split(' ')[0] ?? 'GET' });
}

function at(bytes: Buffer, text: string): number | undefined {
  const where = bytes.indexOf(text, 0, 'latin1');
  return where === -1 ? undefined : where;
}

function none(): Pick<Answer, 'framing' | 'body' | 'chunks' | 'complete'> {
  return { framing: 'none', body: Buffer.alloc(0), chunks: [], complete: true };
}

function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const parts = /^(HTTP\/1\.[01]) (\d{3}) (.*)$/.exec(first);
  if (!parts) throw new Error(`Not a status line: ${JSON.stringify(first)}`);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`Not a header line: ${JSON.stringify(line)}`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const all = (name: string): string[] =>
    headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return {
    version: parts[1] ?? '',
    status: Number(parts[2]),
    reason: parts[3] ?? '',
    headers,
    get: (name) => all(name)[0],
    all,
  };
}
