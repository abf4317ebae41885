// The answer side of one exchange: what is held back, how it is framed, and when it leaves.
import { type ByteString, type HeaderList, latin1 } from '../core/bytes.ts';
import { GatewayError } from '../core/errors.ts';
import { bodiless } from '../core/status.ts';
import { type CheckedHead, checkHead, dateLine, encodeChunkSize, encodeLastChunk } from './encoder.ts';
import type { ResponseHead } from './head.ts';

/** Where bytes go: the connection. */
export interface Outlet {
  /** Hands text (one code unit an octet) and bytes to the socket, in one write. */
  emit(parts: readonly (ByteString | Uint8Array)[]): void;
  /** Calls `answer.flush()` once this turn of the loop is over. */
  later(answer: Answer): void;
}

/** What the request asks of its answer. */
export interface Asked {
  readonly headOnly: boolean;
  readonly oldClient: boolean;
  readonly wantsKeepAlive: boolean;
}

/** Pieces up to this size are copied and leave with others of the same turn; larger ones leave at once. */
const small = 4 * 1024;
const cap = 64 * 1024;

type Framing = 'none' | 'length' | 'chunked' | 'close';

export class Answer {
  readonly #outlet: Outlet;
  readonly #asked: Asked;
  #head: CheckedHead | null = null;
  #framing: Framing | null = null;
  /** Small pieces of the body that wait for the end of this turn. */
  #held: ByteString = '';
  /** A large piece that leaves with the end. */
  #last: Uint8Array | null = null;
  #declared: number | null = null;
  #sent = 0;
  #over = false;
  #scheduled = false;
  /** Must the connection be closed behind this answer? Asked when the head leaves. */
  closing = false;

  constructor(outlet: Outlet, asked: Asked) {
    this.#outlet = outlet;
    this.#asked = asked;
  }

  get started(): boolean {
    return this.#head !== null;
  }

  /** The head has left. */
  get framed(): boolean {
    return this.#framing !== null;
  }

  /** The head has left, or leaves at the end of this turn: nothing takes its place any more. */
  get headed(): boolean {
    return this.framed || this.#scheduled;
  }

  /** Bytes of the body that the app has given. */
  get bytes(): number {
    return this.#sent;
  }

  get status(): number {
    return this.#head?.status ?? 0;
  }

  start(head: ResponseHead): void {
    if (this.headed) throw new GatewayError('CONTRACT', 'Cannot start the answer: its head has left already');
    if (this.#sent > 0) throw new GatewayError('CONTRACT', 'Cannot start the answer: its body has begun');
    this.#head = checkHead(head);
    this.#declared = this.#head.length;
  }

  /** Forgets a head that has not left, so that another can take its place. */
  reset(): void {
    if (this.headed) return;
    this.#head = null;
    this.#held = '';
    this.#last = null;
    this.#sent = 0;
  }

  /** Takes a piece that end() follows at once. */
  hold(chunk: Uint8Array): void {
    const head = this.#begun();
    this.#count(chunk.length);
    if (chunk.length === 0 || this.#asked.headOnly || bodiless(head.status)) return;
    if (chunk.length > small) this.#last = chunk;
    else this.#held += latin1(chunk);
  }

  write(chunk: Uint8Array): void {
    const head = this.#begun();
    this.#count(chunk.length);
    if (chunk.length === 0 || this.#asked.headOnly || bodiless(head.status)) return this.#schedule();
    if (chunk.length > small) {
      this.#leave(chunk, false, []);
      return;
    }
    this.#held += latin1(chunk);
    if (this.#held.length >= cap) this.flush();
    else this.#schedule();
  }

  /** Completes it. Throws where the body is shorter than the app's Content-Length: then it must be cut. */
  end(trailers: HeaderList = []): void {
    const head = this.#begun();
    const { headOnly } = this.#asked;
    if (this.#declared !== null && !headOnly && this.#sent < this.#declared) {
      this.#leave(null, false, []);
      throw new GatewayError(
        'CONTRACT',
        `Cannot end the answer: its Content-Length is ${this.#declared}, its body has ${this.#sent} bytes`,
      );
    }
    if (
      !this.framed &&
      head.length === null &&
      !headOnly &&
      !bodiless(head.status) &&
      trailers.length === 0
    ) {
      this.#head = { ...head, lines: `${head.lines}content-length: ${this.#sent}\r\n`, length: this.#sent };
    }
    this.#over = true;
    this.#leave(this.#last, true, trailers);
  }

  /** Sends what waits. */
  flush(): void {
    this.#scheduled = false;
    if (this.#head && !this.#over && (this.#held !== '' || !this.framed)) this.#leave(null, false, []);
  }

  #begun(): CheckedHead {
    if (!this.#head) throw new GatewayError('CONTRACT', 'Cannot send a body: the answer has not started');
    if (this.#over) throw new GatewayError('CONTRACT', 'Cannot send a body: the answer is complete');
    return this.#head;
  }

  #count(bytes: number): void {
    if (this.#declared !== null && this.#sent + bytes > this.#declared) {
      throw new GatewayError(
        'CONTRACT',
        `Cannot send ${this.#sent + bytes} bytes: the Content-Length is ${this.#declared}`,
      );
    }
    this.#sent += bytes;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#outlet.later(this);
  }

  /** Hands over head, held pieces, one large piece and the end, as far as each is due. */
  #leave(chunk: Uint8Array | null, last: boolean, trailers: HeaderList): void {
    const head = this.framed ? '' : this.#headText();
    const held = this.#held;
    this.#held = '';
    const size = held.length + (chunk?.length ?? 0);
    const chunked = this.#framing === 'chunked';
    const before = chunked && size > 0 ? `${head}${encodeChunkSize(size)}${held}` : head + held;
    const end = chunked && last ? encodeLastChunk(trailers) : '';
    const after = (chunked && size > 0 ? '\r\n' : '') + end;
    if (chunk === null) {
      if (before !== '' || after !== '') this.#outlet.emit([before + after]);
      return;
    }
    const parts: (ByteString | Uint8Array)[] = before === '' ? [chunk] : [before, chunk];
    if (after !== '') parts.push(after);
    this.#outlet.emit(parts);
  }

  #headText(): ByteString {
    const { lines, dated } = this.#begunOrOver();
    this.#framing = this.#frame();
    const keep = this.#asked.oldClient && !this.closing ? 'connection: keep-alive\r\n' : '';
    return `${lines}${dated ? '' : dateLine()}${this.#framing === 'chunked' ? 'transfer-encoding: chunked\r\n' : ''}${this.closing ? 'connection: close\r\n' : keep}\r\n`;
  }

  #begunOrOver(): CheckedHead {
    if (!this.#head) throw new GatewayError('CONTRACT', 'Cannot send a head: the answer has not started');
    return this.#head;
  }

  #frame(): Framing {
    const { status, length } = this.#begunOrOver();
    if (!this.#asked.wantsKeepAlive) this.closing = true;
    if (this.#asked.headOnly || bodiless(status)) return 'none';
    if (length !== null) return 'length';
    if (!this.#asked.oldClient) return 'chunked';
    this.closing = true;
    return 'close';
  }
}
