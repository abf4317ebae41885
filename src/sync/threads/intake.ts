// A request body on its way into a slot: awaited before, poured in when a slot is there, fed as the app takes it.
import { type Deferred, deferred } from '../../core/deferred.ts';
import { asError, Disconnected, HttpError } from '../../core/errors.ts';
import { Blocks } from '../blocks.ts';
import type { Call } from '../call.ts';
import type { Early, Guest } from './early.ts';
import type { Slots } from './slots.ts';
import { inFlag, outFlag, word } from './words.ts';

export interface IntakeOwner {
  /** The client left half way. */
  leave(): void;
}

type Piece = Awaited<ReturnType<Call['read']>>;

const none = -1;

export class Intake implements Guest {
  /** The body is read only when the app asks for it, because the client waits for `100 Continue`. */
  readonly lazy: boolean;
  /** What the carrier said of a body that is malformed, late or too large. */
  error: Error | null = null;
  readonly #call: Call;
  readonly #slots: Slots;
  readonly #early: Early;
  readonly #owner: IntakeOwner;
  #slot = none;
  /** What was read and is not in the ring yet: #piece from #offset on, then the blocks. */
  readonly #blocks = new Blocks();
  #piece: Uint8Array | undefined;
  #offset = 0;
  #more: boolean;
  #feeding = false;
  /** A read that has not come back yet: there is one at a time. */
  #reading: Promise<Piece> | null = null;
  #collecting: Deferred<null> | null = null;
  /** It has a place among the early ones, or waits for one. */
  #applied = false;
  #admitted = false;
  #room: (() => void) | null = null;

  constructor(call: Call, slots: Slots, early: Early, owner: IntakeOwner) {
    this.#call = call;
    this.#slots = slots;
    this.#early = early;
    this.#owner = owner;
    this.#more = call.length !== 0;
    const { exchange } = call;
    const expected = exchange ? exchange.head.get('expect') : call.environ['HTTP_EXPECT'];
    this.lazy = this.#more && expected?.toLowerCase() === '100-continue';
  }

  /**
   * Until the body is whole, or has a place among the early ones: it applies for one when it has `limit` bytes, and reads
   * as many again while it waits, in case that is all; then its client waits too. Throws as Call.read.
   */
  async collect(limit: number): Promise<void> {
    const collecting = deferred<null>();
    this.#collecting = collecting;
    for (let held = 0; this.#more; ) {
      if (this.lazy || held >= limit) this.#apply();
      if (this.#admitted) break;
      const reads = !this.lazy && held < 2 * limit;
      const piece = await (reads ? Promise.race([this.#read(), collecting.promise]) : collecting.promise);
      if (!piece) break;
      held += piece.body.length;
      this.keep(piece);
    }
    this.#collecting = null;
    if (!this.#more) this.#leaveEarly();
  }

  /** Where it is still being collected, it need not be whole any more. */
  hurry(): void {
    if (this.#collecting) this.#apply();
  }

  admit(): void {
    this.#admitted = true;
    this.#collecting?.resolve(null);
  }

  /** Pours what is there into a free slot; gives the flags that it begins with. */
  fill(slot: number): number {
    this.#slot = slot;
    if (this.lazy) return inFlag.lazy;
    if (!this.#pour() || this.#more) return 0;
    this.#leaveEarly();
    return inFlag.end;
  }

  /** The slot may be claimed from now on: what is missing follows. */
  follow(flags: number): void {
    if (!(flags & (inFlag.lazy | inFlag.end))) void this.#feed();
  }

  /** The slot's thread has marked it. */
  look(): void {
    if (this.#slot === none) return;
    const ring = this.#slots.in(this.#slot);
    if (this.#room && ring.used < ring.size) this.#goOn();
    const wanted =
      this.lazy && !this.#feeding && this.#slots.get(this.#slot, word.outFlags) & outFlag.wanting;
    if (wanted) void this.#feed();
  }

  /** Nobody reads it any more. Safe to call twice. */
  stop(): void {
    this.#slot = none;
    this.#piece = undefined;
    this.#blocks.takeAll();
    this.#goOn();
    this.#collecting?.resolve(null);
    this.#leaveEarly();
  }

  async #feed(): Promise<void> {
    this.#feeding = true;
    const slots = this.#slots;
    try {
      for (;;) {
        while (!this.#pour()) {
          slots.ring(this.#slot);
          await this.#roomInRing();
          if (this.#slot === none) return;
        }
        if (!this.#more) break;
        slots.ring(this.#slot);
        const piece = await this.#read();
        if (this.#slot === none) return;
        this.keep(piece);
      }
      slots.add(this.#slot, word.inFlags, inFlag.end);
      slots.ring(this.#slot);
      this.#leaveEarly();
    } catch (error) {
      // Once nobody reads it any more, a broken body is no news.
      if (this.#slot !== none) this.#break(asError(error));
    }
  }

  #read(): Promise<Piece> {
    if (!this.#reading) {
      this.#reading = this.#call.read();
      // Whoever waits for it hears of it; where nobody does any more, it is no news either.
      this.#reading.catch(() => {});
    }
    return this.#reading;
  }

  /** A piece that was read. */
  keep({ body, more }: Piece): void {
    this.#reading = null;
    if (body.length > 0) this.#blocks.push(body);
    this.#more = more;
  }

  /** Puts into the ring what there is room for; true where all is in. */
  #pour(): boolean {
    const ring = this.#slots.in(this.#slot);
    for (;;) {
      this.#piece ??= this.#blocks.shift();
      if (!this.#piece) return true;
      this.#offset += ring.put(this.#piece, this.#offset);
      if (this.#offset < this.#piece.length) return false;
      this.#piece = undefined;
      this.#offset = 0;
    }
  }

  async #roomInRing(): Promise<void> {
    const room = deferred();
    this.#room = room.resolve;
    this.#slots.set(this.#slot, word.inStalled, 1);
    const ring = this.#slots.in(this.#slot);
    // The thread may have taken the last piece just before it could see that we wait.
    if (ring.used < ring.size) this.#goOn();
    await room.promise;
  }

  #goOn(): void {
    const room = this.#room;
    if (!room) return;
    this.#room = null;
    if (this.#slot !== none) this.#slots.set(this.#slot, word.inStalled, 0);
    room();
  }

  #break(error: Error): void {
    if (error instanceof Disconnected) {
      this.#owner.leave();
      return;
    }
    this.error = error;
    this.#slots.set(this.#slot, word.inStatus, error instanceof HttpError ? error.status : 500);
    this.#slots.add(this.#slot, word.inFlags, inFlag.broken);
    this.#slots.ring(this.#slot);
    this.#leaveEarly();
  }

  #apply(): void {
    this.#applied = true;
    this.#early.apply(this);
  }

  #leaveEarly(): void {
    if (this.#applied) this.#early.leave(this);
    this.#applied = false;
  }
}
