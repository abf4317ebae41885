// The answer side of one exchange: what is held back, how it is framed, and when it leaves.
import { type ByteString, type HeaderList, latin1 } from '../core/bytes.ts';
import { bodiless } from '../core/status.ts';
import { type AnswerSide, cannotSend, cannotStart, flushLater, tooLong, tooShort } from './answer-side.ts';
import {
  type CheckedHead,
  checkHead,
  encodeChunkSize,
  encodeInformational,
  encodeLastChunk,
  endOfHead,
  plainHead,
} from './encoder.ts';
import type { WholeAnswer } from './exchange.ts';
import { Gathering } from './gathering.ts';
import type { ResponseHead } from './head.ts';
import type { Slab } from './slab.ts';

/** Where bytes go: the connection. */
export interface Outlet {
  /** Hands text, one code unit an octet, to the socket. */
  emitText(text: ByteString): void;
  /** Hands over bytes, and the text around them, in one write. */
  emitBytes(before: ByteString, bytes: Uint8Array, after: ByteString): void;
  /** The same with a slab, which is released when it has left. */
  emitSlab(before: ByteString, slab: Slab, after: ByteString): void;
}

/** Pieces up to this size are copied and leave with others of the same turn; larger ones leave at once. */
const small = 4 * 1024;

const none: HeaderList = [];

const closes = 'connection: close\r\n';
const keeps = 'connection: keep-alive\r\n';

type Framing = 'none' | 'length' | 'chunked' | 'close';

export class Answer implements AnswerSide {
  readonly #outlet: Outlet;
  /** What the request asks of its answer: no body (HEAD), no chunks (HTTP/1.0), another one behind it. */
  readonly #headOnly: boolean;
  readonly #oldClient: boolean;
  readonly #wantsKeepAlive: boolean;
  #head: CheckedHead | null = null;
  #status = 0;
  #framing: Framing | null = null;
  /** Small pieces of the body that wait for the end of this turn. */
  #held: Gathering | null = null;
  /** A piece that leaves with the end. */
  #last: Uint8Array | null = null;
  /** What the app's Content-Length says; null where it says nothing. */
  #declared: number | null = null;
  /** The Content-Length that the engine knows, where the app said none. */
  #known: ByteString = '';
  #sent = 0;
  #over = false;
  #scheduled = false;
  /** Must the connection be closed behind this answer? Asked when the head leaves. */
  closing = false;
  readonly copies = true;
  unmeasured = false;

  constructor(outlet: Outlet, headOnly: boolean, oldClient: boolean, wantsKeepAlive: boolean) {
    this.#outlet = outlet;
    this.#headOnly = headOnly;
    this.#oldClient = oldClient;
    this.#wantsKeepAlive = wantsKeepAlive;
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
    return this.#framing !== null || this.#scheduled;
  }

  /** Bytes of the body that leave: none where the request or the status wants none, whatever the app has given. */
  get bytes(): number {
    return this.#headOnly || bodiless(this.#status) ? 0 : this.#sent;
  }

  get status(): number {
    return this.#status;
  }

  inform(status: 103, headers: HeaderList): void {
    this.#outlet.emitText(encodeInformational(status, headers));
  }

  start(head: ResponseHead): void {
    if (this.headed || this.#sent > 0) throw cannotStart(this.headed);
    const checked = checkHead(head);
    this.#head = checked;
    this.#status = checked.status;
    this.#declared = checked.length;
  }

  /** Forgets a head that has not left, so that another can take its place. */
  reset(): void {
    if (this.headed) return;
    this.#head = null;
    this.#status = 0;
    this.#held = null;
    this.#last = null;
    this.#sent = 0;
  }

  /** `bytes` are the whole body, and nothing has left: its length needs no chunks to be told. */
  measure(bytes: number): void {
    if (this.#framing !== null || this.#declared !== null || this.#headOnly) return;
    if (this.#head && !bodiless(this.#head.status)) this.#known = `content-length: ${bytes}\r\n`;
  }

  /** Takes a piece that end() follows at once. */
  hold(chunk: Uint8Array): void {
    const head = this.#begun();
    this.#count(chunk.length);
    if (chunk.length === 0 || this.#headOnly || bodiless(head.status)) return;
    if (chunk.length > small || this.#held === null) this.#last = chunk;
    else this.#gather(chunk);
  }

  write(chunk: Uint8Array): void {
    const head = this.#begun();
    this.#count(chunk.length);
    if (chunk.length === 0 || this.#headOnly || bodiless(head.status)) return this.#schedule();
    if (chunk.length > small) {
      this.#leave(chunk, false, none);
      return;
    }
    this.#gather(chunk);
    this.#schedule();
  }

  /** Completes it. Throws where the body is shorter than the app's Content-Length: then it must be cut. */
  end(trailers: HeaderList): void {
    this.#begun();
    if (this.#declared !== null && !this.#headOnly && this.#sent < this.#declared) {
      this.#leave(null, false, none);
      throw tooShort(this.#sent, this.#declared);
    }
    if (trailers.length === 0 && !this.unmeasured) this.measure(this.#sent);
    this.#over = true;
    this.#leave(this.#last, true, trailers);
  }

  relay({ status, text, blank, body }: WholeAnswer): void {
    if (this.headed || this.#head) throw cannotStart(this.headed);
    this.#status = status;
    this.#framing = 'length';
    this.#over = true;
    this.#sent = body === null ? text.length - blank - 2 : body.length;
    if (!this.#wantsKeepAlive) this.closing = true;
    const own = this.closing ? closes : this.#oldClient ? keeps : '';
    const all = own === '' ? text : text.slice(0, blank) + own + text.slice(blank);
    if (body === null) this.#outlet.emitText(all);
    else this.#outlet.emitBytes(all, body, '');
  }

  /** Sends what waits. */
  flush(): void {
    this.#scheduled = false;
    if (this.#head && !this.#over && (this.#held !== null || !this.framed)) this.#leave(null, false, none);
  }

  #gather(chunk: Uint8Array): void {
    this.#held ??= new Gathering();
    if (!this.#held.add(chunk)) {
      this.#leave(null, false, none);
      this.#held = new Gathering();
      this.#held.add(chunk);
    }
    if (this.#held.full) this.#leave(null, false, none);
  }

  #begun(): CheckedHead {
    if (!this.#head) throw cannotSend(false);
    if (this.#over) throw cannotSend(true);
    return this.#head;
  }

  #count(bytes: number): void {
    if (this.#declared !== null && this.#sent + bytes > this.#declared)
      throw tooLong(this.#sent + bytes, this.#declared);
    this.#sent += bytes;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    flushLater(this);
  }

  /** Hands over head, held pieces, one large piece and the end, as far as each is due. */
  #leave(chunk: Uint8Array | null, last: boolean, trailers: HeaderList): void {
    const head = this.#framing === null && this.#head ? this.#headText(this.#head) : '';
    const held = this.#held?.take() ?? '';
    this.#held = null;
    const size = held.length + (chunk === null ? 0 : chunk.length);
    const chunked = this.#framing === 'chunked';
    const before = chunked && size > 0 ? head + encodeChunkSize(size) : head;
    const end = chunked && last ? encodeLastChunk(trailers) : '';
    const after = chunked && size > 0 ? `\r\n${end}` : end;
    if (typeof held !== 'string') {
      this.#outlet.emitSlab(before, held, chunk === null ? after : '');
      if (chunk !== null) this.#outlet.emitBytes('', chunk, after);
    } else if (chunk !== null && chunk.length <= small) {
      this.#outlet.emitText(before + held + latin1(chunk) + after);
    } else if (chunk !== null) {
      this.#outlet.emitBytes(before + held, chunk, after);
    } else if (before !== '' || held !== '' || after !== '') {
      this.#outlet.emitText(before + held + after);
    }
  }

  #headText(head: CheckedHead): ByteString {
    const framing = this.#frame(head);
    this.#framing = framing;
    const coding = framing === 'chunked' ? 'transfer-encoding: chunked\r\n' : '';
    const own = this.#known + coding + (this.closing ? closes : this.#oldClient ? keeps : '');
    return own === '' ? plainHead(head) : head.lines + own + endOfHead(head);
  }

  #frame({ status, length }: CheckedHead): Framing {
    if (!this.#wantsKeepAlive) this.closing = true;
    if (this.#headOnly || bodiless(status)) return 'none';
    if (length !== null || this.#known !== '') return 'length';
    if (!this.#oldClient) return 'chunked';
    this.closing = true;
    return 'close';
  }
}
