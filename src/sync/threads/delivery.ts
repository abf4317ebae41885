// One call on its way through a slot, as the loop sees it: filled, fed, drained, given back.
import { noBytes } from '../../core/bytes.ts';
import { type Deferred, deferred, settled } from '../../core/deferred.ts';
import { asError, asGateway, Disconnected, GatewayError, HttpError } from '../../core/errors.ts';
import { traced } from '../../core/trace.ts';
import type { Call } from '../call.ts';
import { failCall, logFailure } from '../failure.ts';
import { here } from '../here.ts';
import type { ResponseHeaders, StatusLine } from '../interface.ts';
import { brief } from './briefing.ts';
import type { Depot } from './depot.ts';
import { decodeHead } from './heads.ts';
import { Intake, type IntakeOwner } from './intake.ts';
import type { Held } from './reservation.ts';
import type { Slots } from './slots.ts';
import { tellTimes } from './times.ts';
import { takeWhole } from './whole.ts';
import { inFlag, outFlag, state, word } from './words.ts';

const none = -1;
export class Delivery implements IntakeOwner, Held {
  call: Call;
  /** The head is still to come: see take(). */
  held = false;
  /** Its index among the pool's open deliveries. */
  place: number = none;
  /** The way in, of a request whose body is not here yet. */
  intake: Intake | null = null;
  /** The whole body, where it came with the head. */
  #body: Uint8Array | null = null;
  /** Where somebody waits for it. */
  #settled: Deferred<void> | null = null;
  #isSettled = false;
  readonly #depot: Depot<Delivery>;
  readonly #slots: Slots;
  #slot = none;
  #head: { status: StatusLine; headers: ResponseHeaders } | null = null;
  #started = false;
  #flushed = false;
  /** The answer is complete, or failed, or nobody waits for it: what still comes is dropped. */
  #over = false;
  #ended = false;
  #failure: Error | null = null;
  /** Messages of early hints that have come. */
  #hints = 0;
  #dead = false;
  #swept = false;
  #draining = false;
  #again = false;
  #onGone: (() => void) | null = null;

  constructor(call: Call, depot: Depot<Delivery>) {
    this.call = call;
    this.#depot = depot;
    this.#slots = depot.slots;
  }

  /** Is the whole body here, and small enough for the ring? Then nothing has to be awaited. */
  takesAtOnce(): boolean {
    const { exchange } = this.call;
    if (!exchange || exchange.head.has('expect')) return false;
    const piece = here(this.call);
    if (piece && !piece.more && piece.body.length <= this.#slots.handle.ring) {
      this.#body = piece.body;
      return true;
    }
    if (piece) this.#intake().keep(piece);
    return false;
  }

  /** Until the body is here, or so much of it that it can go on. Throws as Call.read. */
  collect(limit: number): Promise<void> {
    return this.#intake().collect(limit);
  }

  #intake(): Intake {
    this.intake ??= new Intake(this.call, this.#slots, this.#depot.early, this);
    return this.intake;
  }

  /** Nobody waits for an answer any more. */
  get over(): boolean {
    return this.#over;
  }

  /** Resolves when the answer is complete, or cut, and the app has ended. */
  get settled(): Promise<void> {
    if (this.#isSettled) return settled;
    this.#settled ??= deferred();
    return this.#settled.promise;
  }

  /** Fills a free slot. It may be claimed as soon as it stands in the queue. */
  load(slot: number): void {
    const slots = this.#slots;
    this.#slot = slot;
    slots.renew(slot);
    const flags = this.held ? inFlag.held | (traced() ? inFlag.traced : 0) : this.#fill(slot);
    slots.put(slot, word.inFlags, flags);
    slots.set(slot, word.state, state.ready);
    this.intake?.follow(flags);
  }

  /** The head that it was held for has come: what is there goes into its slot, or stands where it stood in the backlog. */
  take(call: Call): void {
    this.call = call;
    this.held = false;
    if (call.length !== 0 && !this.takesAtOnce()) this.#intake();
    const [slot, slots] = [this.#slot, this.#slots];
    if (slot === none) return;
    const flags = this.#fill(slot);
    slots.add(slot, word.inFlags, flags & ~inFlag.traced);
    slots.clear(slot, inFlag.held); // all the rest before that: a thread may have been waiting for it
    slots.ring(slot);
    this.intake?.follow(flags);
  }

  #fill(slot: number): number {
    return brief(this.#slots, slot, this.call) | this.#pour(slot);
  }

  /** What there is of the body into the in-ring; gives the flags that it begins with. */
  #pour(slot: number): number {
    const body = this.#body;
    if (!body) return this.intake ? this.intake.fill(slot) : inFlag.end;
    this.#slots.in(slot).put(body);
    this.#body = null; // it holds a packet
    return inFlag.end;
  }

  /** The slot's thread has marked it. */
  look(): void {
    if (this.#slot === none) return;
    this.intake?.look();
    if (!this.#started && this.#atOnce(this.#slot)) return;
    this.#again = true;
    if (!this.#draining) void this.#drain();
  }

  /** By message: a head that was too large for its region, and what the app threw. */
  takeHead(head: { status: StatusLine; headers: ResponseHeaders }): void {
    this.#head = head;
    this.look();
  }

  /** 103, by message: whatever else the slot says has waited for it. */
  takeHints(headers: ResponseHeaders): void {
    this.#hints += 1;
    if (!this.#over) this.call.inform?.(headers);
    this.look();
  }

  takeFailure(error: Error): void {
    // The engine's own words for a broken body, rather than the thread's.
    const known = this.intake?.error;
    const same = known instanceof HttpError && error instanceof HttpError && known.status === error.status;
    this.#failure = same ? known : error;
    this.look();
    // Its client takes nothing, and that has lasted too long: what is still in the ring will not be waited for.
    if (this.#draining && this.#slot !== none && this.#slots.get(this.#slot, word.inFlags) & inFlag.late) {
      this.#answerFailed(this.#failure);
    }
  }

  /** Is this the delivery that a message means? */
  isAt(slot: number, generation: number): boolean {
    return this.#slot === slot && this.#slots.get(slot, word.generation) === generation;
  }

  /** Is that thread at it, or was it, and something of what it said may be missing? */
  runsOn(thread: number): boolean {
    if (this.#slot === none) return false;
    const now = this.#slots.get(this.#slot, word.state);
    if (now === state.done) return this.#slots.get(this.#slot, word.thread) === thread;
    return now === state.running + thread;
  }

  /**
   * From the second sweep on it hears when the client goes; false where it did already. Most calls are over before that.
   */
  watch(): boolean {
    if (this.#onGone || this.held) return false;
    if (!this.#swept) {
      this.#swept = true;
      return true;
    }
    this.#onGone = () => this.leave();
    // Now already: its client may go before it ends, and the log is to say where it was.
    if (this.#slot !== none) tellTimes(this.#depot, this.#slot, { id: this.call.id, stage: 'goesOn' });
    if (this.call.gone.aborted) this.leave();
    else this.call.gone.addEventListener('abort', this.#onGone);
    return true;
  }

  /** The client is gone: a call that no thread has yet is dropped, one that runs hears of it at its next read or write. */
  leave(): void {
    if (this.#over) return;
    // Its answer is complete: what close() still throws is to be logged.
    if (this.#ended && this.#slot !== none) {
      this.#tellGone();
      return;
    }
    this.#over = true;
    if (this.#slot === none || this.#slots.turn(this.#slot, state.ready, state.cancelled)) this.settle();
    else this.#tellGone();
  }

  /** The pool gives up on it. */
  cut(why: GatewayError): void {
    if (!this.#over) {
      this.#over = true;
      this.call.fail(why);
      if (this.#slot !== none) this.#tellGone();
    }
    this.settle();
  }

  /** Its thread has died. What was complete by then is still sent. */
  abandon(why: GatewayError): void {
    const slot = this.#slot;
    if (slot === none) return;
    this.#dead = true;
    const flags = this.#slots.get(slot, word.outFlags);
    if (!(flags & (outFlag.end | outFlag.whole)) || flags & outFlag.failed) {
      this.#failure ??= why;
      this.#slots.add(slot, word.outFlags, outFlag.failed);
    }
    this.#slots.set(slot, word.state, state.done);
    this.look();
  }

  /** Its thread is being terminated, and keeps the slot until it has exited: nothing of it is looked at any more. */
  condemn(why: GatewayError): void {
    const slot = this.#slot;
    this.#slot = none;
    if (slot !== none) tellTimes(this.#depot, slot, { id: this.call.id, stage: 'ended' });
    if (!this.#over && !this.#ended) this.call.fail(why);
    this.#over = true;
    this.settle();
  }

  #tellGone(): void {
    this.#slots.add(this.#slot, word.inFlags, inFlag.gone);
    this.#slots.ring(this.#slot);
    this.intake?.stop();
  }

  /* ── the answer, out of the slot ──────────────────────────────────── */

  /** The whole answer is in the slot, as most are: one step instead of several promises. False where it is not. */
  #atOnce(slot: number): boolean {
    const slots = this.#slots;
    if (this.#over || this.#draining || slots.get(slot, word.state) !== state.done) return false;
    this.#tell(slot);
    const flags = slots.peek(slot, word.outFlags) & ~outFlag.wanting;
    if (flags === outFlag.whole) return this.#relay(slot);
    if (flags !== (outFlag.head | outFlag.end) || !this.#readHead(slot)) return false;
    const sent = this.#answer(flags, this.#lent(slot) ?? slots.out(slot).take());
    this.#release(slot);
    void sent.then(() => this.settle());
    return true;
  }

  /** It is in the slot as it leaves. */
  #relay(slot: number): boolean {
    const slots = this.#slots;
    const { exchange } = this.call;
    if (!exchange) return false;
    this.#started = true;
    this.#ended = true;
    const sent = exchange.relay(takeWhole(slots, slot));
    this.#release(slot);
    if (sent === settled) this.settle();
    else sent.catch((error: unknown) => this.#answerFailed(asError(error))).finally(() => this.settle());
    return true;
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#again) {
      this.#again = false;
      while (await this.#step());
    }
    this.#draining = false;
  }

  /** Sends what there is. False where there is nothing to do until the thread marks the slot again. Never rejects. */
  async #step(): Promise<boolean> {
    const slot = this.#slot;
    if (slot === none) return false;
    const slots = this.#slots;
    // State and flags before the ring: whatever was put before they were set is seen.
    const done = slots.get(slot, word.state) === state.done;
    if (done) this.#tell(slot);
    const flags = slots.get(slot, word.outFlags);
    // A message may come later than the word that announces it.
    if (flags & outFlag.failed && !this.#failure) return false;
    if (flags & outFlag.hinted && this.#hintsMissing(slot)) return false;
    if (done && flags & outFlag.whole && !this.#over) return !this.#relay(slot);
    if (flags & outFlag.head && !this.#readHead(slot)) return false;
    const lent = flags & outFlag.whole ? null : this.#lent(slot);
    const chunk = flags & outFlag.whole ? null : (lent ?? slots.out(slot).take());
    const sent = this.#over ? settled : this.#answer(flags, chunk);
    // From here on the thread, or another call, may write over what was lent.
    if (lent) slots.out(slot).advance(lent.length);
    if (done) this.#release(slot);
    else if (chunk) slots.ring(slot);
    await sent;
    if (done) this.settle();
    return chunk !== null && !done;
  }

  /** All that stands in the out-ring, where it is, for a carrier that copies it; null where it does not, or it is in two parts. */
  #lent(slot: number): Uint8Array | null {
    return this.call.exchange?.copies ? this.#slots.out(slot).view() : null;
  }

  async #answer(flags: number, chunk: Uint8Array | null): Promise<void> {
    try {
      if (this.#head && !this.#started) {
        this.#started = true;
        this.call.start(this.#head.status, this.#head.headers);
      }
      if (chunk || (flags & outFlag.flush && !this.#flushed)) {
        this.#flushed = true;
        if (chunk && flags & outFlag.end && this.call.exchange) {
          this.#ended = true;
          await this.call.exchange.finish(chunk, false);
        } else await this.call.write(chunk ?? noBytes);
      }
      if (this.#over) return;
      if (flags & outFlag.end && !this.#ended) {
        this.#ended = true;
        await this.call.end();
      }
      if (!(flags & outFlag.failed) || !this.#failure || this.#over) return;
      this.#over = true;
      if (this.#ended) logFailure(this.call, this.call.environ, this.#failure, this.#depot.log);
      else this.#fail(this.#failure);
    } catch (error) {
      this.#answerFailed(asError(error));
    }
  }

  #answerFailed(error: Error): void {
    if (this.#over) return;
    if (error instanceof Disconnected) {
      this.leave();
      return;
    }
    this.#over = true;
    this.#fail(error);
    if (this.#slot !== none) this.#tellGone();
  }

  #hintsMissing(slot: number): boolean {
    return !this.#dead && this.#slots.get(slot, word.hints) > this.#hints;
  }

  /** False where the head is still on its way as a message. */
  #readHead(slot: number): boolean {
    if (this.#head) return true;
    const length = this.#slots.get(slot, word.headLength);
    if (length >= 0) this.#head = decodeHead(this.#slots.head(slot), length);
    return this.#head !== null || this.#dead;
  }

  #release(slot: number): void {
    this.#slot = none;
    this.intake?.stop();
    this.#slots.set(slot, word.state, state.free);
    this.#depot.release(slot);
  }

  /** Before its end is told. Once. */
  #tell(slot: number): void {
    if (!(this.#slots.peek(slot, word.inFlags) & inFlag.traced)) return;
    tellTimes(this.#depot, slot, { id: this.call.id, stage: 'over' });
    this.#slots.clear(slot, inFlag.traced);
  }

  #fail(error: Error): void {
    // Where nobody has asked for anything there is nothing to log.
    if (this.held) this.call.fail(asGateway(error));
    else failCall(this.call, this.call.environ, error, this.#depot.log);
  }

  /** Nobody waits for anything of it any more. Safe to call twice. */
  settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.intake?.stop();
    if (this.#onGone) this.call.gone.removeEventListener('abort', this.#onGone);
    this.#depot.over(this);
    // Whatever became of it: its connection waits for an end. Where it has one, this is nothing.
    if (!this.#ended)
      this.call.exchange?.fail(new GatewayError('CLOSED', 'The call has ended without an answer'));
    this.#settled?.resolve();
  }
}
