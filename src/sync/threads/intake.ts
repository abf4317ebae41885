// A request body on its way into a slot: awaited before, poured in when a slot is there, fed as the app takes it.
import { type Deferred, deferred } from '../../core/deferred.ts';
import { asError, Disconnected, HttpError } from '../../core/errors.ts';
import type { Call } from '../call.ts';
import { inFlag, outFlag, type Slots } from './slots.ts';

export interface IntakeOwner {
  /** The client left half way. */
  leave(): void;
  /** A body that was hurried is in, or of no interest any more. */
  fed(): void;
}

type Piece = Awaited<ReturnType<Call['read']>>;

const none = -1;

export class Intake {
  /** The body is read only when the app asks for it, because the client waits for `100 Continue`. */
  readonly lazy: boolean;
  /** What the carrier said of a body that is malformed, late or too large. */
  error: Error | null = null;
  readonly #call: Call;
  readonly #slots: Slots;
  readonly #owner: IntakeOwner;
  #slot = none;
  /** What was read and is not in the ring yet; the first piece from #offset on. */
  #pieces: Uint8Array[] = [];
  #offset = 0;
  #more: boolean;
  #feeding = false;
  /** A read that has not come back yet: there is one at a time. */
  #reading: Promise<Piece> | null = null;
  #collecting: Deferred<null> | null = null;
  #hurried = false;
  #room: (() => void) | null = null;

  constructor(call: Call, slots: Slots, owner: IntakeOwner) {
    this.#call = call;
    this.#slots = slots;
    this.#owner = owner;
    this.#more = call.length !== 0;
    this.lazy = this.#more && call.environ['HTTP_EXPECT']?.toLowerCase() === '100-continue';
  }

  /** Reads the body to its end, up to `limit` bytes, or until it is hurried. Throws as Call.read. */
  async collect(limit: number): Promise<void> {
    if (!this.#more || this.lazy) return;
    this.#collecting = deferred();
    for (let held = 0; this.#more && held < limit; ) {
      const piece = await Promise.race([this.#read(), this.#collecting.promise]);
      if (!piece) break;
      held += piece.body.length;
      this.#keep(piece);
    }
    this.#collecting = null;
  }

  /** Ends collect() before its time; true where it was at it. */
  hurry(): boolean {
    if (!this.#collecting || this.#hurried) return false;
    this.#hurried = true;
    this.#collecting.resolve(null);
    return true;
  }

  /** Pours what is there into a free slot; gives the flags that it begins with. */
  fill(slot: number): number {
    this.#slot = slot;
    if (this.lazy) return inFlag.lazy;
    return this.#pour() && !this.#more ? inFlag.end : 0;
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
    const wanted = this.lazy && !this.#feeding && this.#slots.get(this.#slot, 'outFlags') & outFlag.wanting;
    if (wanted) void this.#feed();
  }

  /** Nobody reads it any more. Safe to call twice. */
  stop(): void {
    this.#slot = none;
    this.#pieces = [];
    this.#goOn();
    this.#countFed();
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
        this.#keep(piece);
      }
      slots.add(this.#slot, 'inFlags', inFlag.end);
      slots.ring(this.#slot);
      this.#countFed();
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

  #keep({ body, more }: Piece): void {
    this.#reading = null;
    if (body.length > 0) this.#pieces.push(body);
    this.#more = more;
  }

  /** Puts into the ring what there is room for; true where all is in. */
  #pour(): boolean {
    const ring = this.#slots.in(this.#slot);
    for (let piece = this.#pieces[0]; piece; piece = this.#pieces[0]) {
      this.#offset += ring.put(piece, this.#offset);
      if (this.#offset < piece.length) return false;
      this.#pieces.shift();
      this.#offset = 0;
    }
    return true;
  }

  async #roomInRing(): Promise<void> {
    const room = deferred();
    this.#room = room.resolve;
    this.#slots.set(this.#slot, 'inStalled', 1);
    const ring = this.#slots.in(this.#slot);
    // The thread may have taken the last piece just before it could see that we wait.
    if (ring.used < ring.size) this.#goOn();
    await room.promise;
  }

  #goOn(): void {
    const room = this.#room;
    if (!room) return;
    this.#room = null;
    if (this.#slot !== none) this.#slots.set(this.#slot, 'inStalled', 0);
    room();
  }

  #break(error: Error): void {
    if (error instanceof Disconnected) {
      this.#owner.leave();
      return;
    }
    this.error = error;
    this.#slots.set(this.#slot, 'inStatus', error instanceof HttpError ? error.status : 500);
    this.#slots.add(this.#slot, 'inFlags', inFlag.broken);
    this.#slots.ring(this.#slot);
    this.#countFed();
  }

  #countFed(): void {
    if (this.#hurried) this.#owner.fed();
    this.#hurried = false;
  }
}
