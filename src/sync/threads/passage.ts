// A slot as a thread sees it: the environ that it was given, the body that it reads, the answer that it writes.
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';

import { Disconnected, HttpError } from '../../core/errors.ts';
import type { Source } from '../input.ts';
import type { EnvironData, ResponseHeaders, StatusLine } from '../interface.ts';
import type { Sink } from '../responder.ts';
import type { Head } from '../response-head.ts';
import { type EnvironOptions, environOf } from '../environ.ts';
import { decodeEnviron, encodeHead } from './heads.ts';
import { overdue } from './deadlines.ts';
import type { FromThread, ToThread } from './messages.ts';
import { asRequest, decodeRequest } from './request.ts';
import type { Slots } from './slots.ts';
import { putWhole } from './whole.ts';
import { inFlag, outFlag, word } from './words.ts';

type Say = (message: FromThread) => void;
/** Marks a slot, so that the loop looks at it. */
type Mark = (slots: Slots, slot: number) => void;

/** The environ in the slot, once the head has come; one that did not fit is asked for by message, and waited for. */
export function environFor(slots: Slots, slot: number, say: Say, options: EnvironOptions): EnvironData {
  if (slots.peek(slot, word.inFlags) & inFlag.held) awaitHead(slots, slot);
  const length = slots.peek(slot, word.environLength);
  const table = slots.table(slot);
  if (length >= 0 && table[0] === asRequest)
    return environOf(decodeRequest(slots.environ(slot), table, length), options);
  if (length >= 0) return decodeEnviron(slots.environ(slot), length);
  const generation = slots.get(slot, word.generation);
  say({ kind: 'environ wanted', slot, generation });
  let environ: EnvironData | undefined;
  slots.wait(slot, () => {
    const message = parentPort && receiveMessageOnPort(parentPort)?.message;
    // the pool sends nothing but ToThread, and this thread asks for one at a time
    const given = message as ToThread | undefined;
    if (given?.kind === 'environ' && given.slot === slot && given.generation === generation)
      environ = given.environ;
    return environ !== undefined || (slots.get(slot, word.inFlags) & inFlag.gone) !== 0;
  });
  if (!environ) throw new Disconnected();
  return environ;
}

/** Blocks as long as its client sends no head: with `--buffer off` it has a thread from the moment that it is accepted. */
function awaitHead(slots: Slots, slot: number): void {
  const flags = (): number => slots.get(slot, word.inFlags);
  slots.wait(slot, () => !(flags() & inFlag.held) || (flags() & (inFlag.gone | inFlag.late)) !== 0);
  if (flags() & inFlag.gone) throw new Disconnected();
  if (flags() & inFlag.held) throw overdue(slots.get(slot, word.limit));
  if (flags() & inFlag.traced) slots.times[slots.time(slot) + 2] = performance.timeOrigin + performance.now();
}

/** The in-ring, blocking while it is empty. */
export class SlotSource implements Source {
  readonly #slots: Slots;
  readonly #slot: number;
  readonly #mark: Mark;

  constructor(slots: Slots, slot: number, mark: Mark) {
    this.#slots = slots;
    this.#slot = slot;
    this.#mark = mark;
  }

  next(): Uint8Array | null {
    const slots = this.#slots;
    const slot = this.#slot;
    for (;;) {
      // The flags before the ring: what was put before the end was set is seen.
      const flags = slots.get(slot, word.inFlags);
      if (flags & inFlag.gone) throw new Disconnected();
      const piece = slots.in(slot).take();
      if (piece) {
        if (slots.get(slot, word.inStalled) === 1) this.#mark(this.#slots, this.#slot);
        return piece;
      }
      if (flags & inFlag.broken) throw broken(slots.get(slot, word.inStatus));
      if (flags & inFlag.end) return null;
      if (flags & inFlag.late) throw overdue(slots.get(slot, word.limit));
      this.#want(flags);
      slots.wait(slot, () => slots.get(slot, word.inFlags) !== flags || slots.in(slot).used > 0);
    }
  }

  get ready(): boolean {
    const flags = this.#slots.get(this.#slot, word.inFlags);
    if (
      flags & (inFlag.gone | inFlag.broken | inFlag.end | inFlag.late) ||
      this.#slots.in(this.#slot).used > 0
    )
      return true;
    this.#want(flags);
    return false;
  }

  wait(timeout: number): boolean {
    return this.#slots.wait(this.#slot, () => this.ready, timeout);
  }

  /** The first read of a body that is read only on demand, because its client waits for `100 Continue` (W-86). */
  #want(flags: number): void {
    if (!(flags & inFlag.lazy)) return;
    const before = this.#slots.add(this.#slot, word.outFlags, outFlag.wanting);
    if (!(before & outFlag.wanting)) this.#mark(this.#slots, this.#slot);
  }
}

function broken(status: number): Error {
  if (status === 0) return new Disconnected('The client left before its request body was complete');
  return new HttpError(status, 'The request body cannot be read to its end');
}

/** The out-ring, blocking while it is full. */
export class SlotSink implements Sink {
  readonly #slots: Slots;
  readonly #slot: number;
  readonly informs: boolean;
  readonly #say: Say;
  readonly #mark: Mark;

  constructor(slots: Slots, slot: number, say: Say, mark: Mark) {
    this.#slots = slots;
    this.#slot = slot;
    this.#say = say;
    this.#mark = mark;
    this.informs = (slots.get(slot, word.inFlags) & inFlag.informs) !== 0;
  }

  /** As it leaves, where it is not too large: the loop has nothing more to do with it than to hand it to the socket. */
  whole(head: Head, chunk: Uint8Array): void {
    const slots = this.#slots;
    const slot = this.#slot;
    const flags = slots.get(slot, word.inFlags);
    if (flags & inFlag.gone) throw new Disconnected();
    if (flags & inFlag.wire && putWhole(slots, slot, head, chunk)) return;
    this.start(head.status, head.headers);
    this.write(chunk, true);
    this.end(false);
  }

  start(status: StatusLine, headers: ResponseHeaders): void {
    const slots = this.#slots;
    const slot = this.#slot;
    const length = encodeHead(status, headers, slots.head(slot));
    slots.set(slot, word.headLength, length);
    if (length < 0)
      this.#say({ kind: 'head', slot, generation: slots.get(slot, word.generation), status, headers });
    slots.add(slot, word.outFlags, outFlag.head);
  }

  write(chunk: Uint8Array, held: boolean): void {
    this.#checkGone();
    if (chunk.length === 0) {
      this.#slots.add(this.#slot, word.outFlags, outFlag.flush);
      this.#mark(this.#slots, this.#slot);
      return;
    }
    const out = this.#slots.out(this.#slot);
    for (let at = 0; at < chunk.length; ) {
      const count = out.put(chunk, at);
      at += count;
      if (at < chunk.length) {
        this.#mark(this.#slots, this.#slot);
        this.#slots.wait(this.#slot, () => out.used < out.size || this.#stopped);
        if (out.used < out.size) this.#checkGone();
        else this.check();
      }
    }
    if (!held) this.#mark(this.#slots, this.#slot);
  }

  end(closing: boolean): void {
    this.#slots.add(this.#slot, word.outFlags, outFlag.end);
    // Without a close() the thread marks the slot done in a moment: one wake less.
    if (closing) this.#mark(this.#slots, this.#slot);
  }

  /** Where the app waits, or gives nothing: there it hears of its deadline too. What it can still write, it may. */
  check(): void {
    this.#checkGone();
    if (this.#stopped) throw overdue(this.#slots.get(this.#slot, word.limit));
  }

  #checkGone(): void {
    if (this.#slots.get(this.#slot, word.inFlags) & inFlag.gone) throw new Disconnected();
  }

  /** The count and the flag after the message: a loop that sees them knows what it has to wait for. */
  inform(headers: ResponseHeaders): void {
    this.check();
    const slots = this.#slots;
    const slot = this.#slot;
    this.#say({ kind: 'hints', slot, generation: slots.get(slot, word.generation), headers });
    slots.set(slot, word.hints, slots.get(slot, word.hints) + 1);
    slots.add(slot, word.outFlags, outFlag.hinted);
  }

  get #stopped(): boolean {
    return (this.#slots.get(this.#slot, word.inFlags) & (inFlag.gone | inFlag.late)) !== 0;
  }
}
