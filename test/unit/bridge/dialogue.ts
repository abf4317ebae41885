// One request to an async app, with no server around: what it is given, what it sends, and a client that can be slow or leave.
import type {
  AsyncApp,
  HttpScope,
  Protocol,
  ReceiveEvent,
  Scope,
  SendEvent,
} from '../../../src/async/interface.ts';
import { type Deferred, deferred } from '../../../src/core/deferred.ts';
import { asError, Disconnected } from '../../../src/core/errors.ts';

export interface Asked {
  readonly path?: string;
  readonly query?: string;
  readonly method?: string;
  readonly headers?: ReadonlyArray<readonly [string, string]>;
  readonly body?: readonly string[];
  /** The client leaves in the middle of the body, after these pieces. */
  readonly breaksOff?: boolean;
  readonly scope?: Partial<HttpScope>;
  /** Awaited in each send of a piece: how a slow client looks from here. */
  readonly room?: () => Promise<void>;
}

export class Dialogue {
  readonly scope: HttpScope;
  readonly sent: SendEvent<'http'>[] = [];
  readonly first: Deferred<void> = deferred();
  error: Error | undefined;
  readonly #pieces: string[];
  readonly #asked: Asked;
  readonly #left = deferred();
  #gone = false;
  #asking = true;

  constructor(asked: Asked = {}) {
    const { path = '/', query = '', method = 'GET', headers = [], body = [] } = asked;
    this.#asked = asked;
    this.#pieces = [...body];
    this.scope = {
      type: 'http',
      asgi: { version: '3.0', spec_version: '2.5' },
      http_version: '1.1',
      method,
      scheme: 'http',
      path,
      raw_path: path,
      query_string: query,
      root_path: '',
      headers,
      client: ['127.0.0.1', 50_000],
      server: ['127.0.0.1', 8000],
      state: {},
      extensions: {},
      ...asked.scope,
    };
  }

  /** Resolves when the app has returned, or thrown: see `error`. */
  async with(app: AsyncApp): Promise<this> {
    try {
      await app(
        this.scope,
        () => this.#receive(),
        (event) => this.#send(event),
      );
    } catch (error) {
      this.error = asError(error);
    }
    return this;
  }

  leave(): void {
    this.#gone = true;
    this.#left.resolve();
  }

  get status(): number | undefined {
    const [start] = this.sent;
    return start?.type === 'http.response.start' ? start.status : undefined;
  }

  get headers(): Readonly<Record<string, string>> {
    const [start] = this.sent;
    return Object.fromEntries((start?.type === 'http.response.start' && start.headers) || []);
  }

  get chunks(): string[] {
    return this.sent.flatMap((event) =>
      event.type === 'http.response.body' && event.body?.length ? [Buffer.from(event.body).toString()] : [],
    );
  }

  get text(): string {
    return this.chunks.join('');
  }

  get complete(): boolean {
    return this.sent.some((event) => event.type === 'http.response.body' && !event.more_body);
  }

  async #receive(): Promise<ReceiveEvent> {
    const piece = this.#pieces.shift();
    if (piece !== undefined || (this.#asking && !this.#asked.breaksOff)) {
      this.#asking = this.#pieces.length > 0;
      const more_body = this.#asking || this.#asked.breaksOff === true;
      return { type: 'http.request', body: Buffer.from(piece ?? ''), more_body };
    }
    if (!this.#asked.breaksOff) await this.#left.promise;
    return { type: 'http.disconnect' };
  }

  async #send(event: SendEvent): Promise<void> {
    if (this.#gone) throw new Disconnected();
    // Apps of http send events of http.
    this.sent.push(event as SendEvent<'http'>);
    if (event.type !== 'http.response.body') return;
    this.first.resolve();
    await Promise.race([this.#asked.room?.(), this.#left.promise]);
    if (this.#gone) throw new Disconnected();
    if (!event.more_body) this.#left.resolve();
  }
}

/** Another kind of scope: the app receives these events, one after the other; what it sends is the result. */
export async function spoken<P extends Protocol>(
  app: AsyncApp,
  scope: Scope<P>,
  events: ReadonlyArray<ReceiveEvent<P>>,
): Promise<SendEvent[]> {
  const sent: SendEvent[] = [];
  const queue = [...events];
  const receive = async (): Promise<ReceiveEvent> => queue.shift() ?? (await new Promise<never>(() => {}));
  await app(scope, receive, async (event) => void sent.push(event));
  return sent;
}
