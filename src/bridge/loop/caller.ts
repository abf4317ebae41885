// Inside a blocked thread: a sync app that asks the loop thread, and waits for each piece of its answer.
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

import { Disconnected, GatewayError, HttpError } from '../../core/errors.ts';
import { carry, revive } from '../../core/failure.ts';
import { Mailbox, type MailboxHandle } from '../../core/mailbox.ts';
import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../sync/interface.ts';
import { type ScopeData, scopeFromEnviron } from '../scope-from-environ.ts';
import { BodyReader } from './body.ts';
import type { CallerGiven, CallerToThread, ThreadToCaller } from './messages.ts';
import { parcel, weightOf, window } from './parcel.ts';

/** The app of one thread, out of what LoopThread.caller() gave: the factory that a pool loads (bridge/carry.ts). */
export function fromLoop(given: unknown): SyncApp {
  // LoopThread.caller() made it, in the thread that started this one.
  const caller = new Caller(given as CallerGiven);
  return (environ, startResponse) => caller.run(environ, startResponse);
}

type Answer = Extract<ThreadToCaller, { kind: 'answer' }>;

/** This thread's mailbox, shared by its calls: more than one can be open where a sync app iterates two at once. */
class Caller {
  #mailbox: Mailbox<ThreadToCaller, CallerToThread>;
  readonly #lobby: MessagePort;
  readonly #timeout: number;
  readonly #inboxes = new Map<number, ThreadToCaller[]>();
  #calls = 0;

  constructor(given: CallerGiven) {
    this.#mailbox = new Mailbox(given);
    this.#lobby = given.lobby;
    this.#timeout = given.timeout;
  }

  run(environ: Environ, startResponse: StartResponse): ResponseBody {
    let scope: ScopeData;
    try {
      scope = scopeFromEnviron(environ);
    } catch (error) {
      if (error instanceof HttpError) return refuse(error, startResponse);
      throw error;
    }
    this.#reconnect();
    this.#calls += 1;
    const call = new BlockedCall(this, this.#calls, environ);
    return call.open(scope, startResponse);
  }

  open(id: number): void {
    this.#inboxes.set(id, []);
  }

  forget(id: number): void {
    this.#inboxes.delete(id);
  }

  post(message: CallerToThread): void {
    this.#mailbox.post(message);
  }

  /**
   * The next message of one call; those of others wait in their inboxes. Undefined as soon as `look` sees a body.
   * Throws what `look` throws, and HttpError 504 where it is the app that is silent.
   */
  take(id: number, look: (pause: number) => Sight): ThreadToCaller | undefined {
    let end = performance.now() + this.#timeout;
    for (let pause = 1; ; pause = Math.min(2 * pause, longestPause)) {
      do {
        const inbox = this.#inboxes.get(id);
        if (!inbox) throw ended();
        const message = inbox.shift();
        if (message) return message;
      } while (this.#pull(0));
      const looked = performance.now();
      const sight = look(pause);
      if (sight === 'body') return undefined;
      const now = performance.now();
      // What look has waited for its client is not waited for again.
      const left = sight === 'slow client' ? looked + Math.min(pause, longestRead) - now : pause;
      if (sight === 'slow client') end = now + this.#timeout;
      if (now >= end) throw silent(this.#timeout);
      this.#pull(sight === 'nothing' ? end - now : Math.max(0, Math.min(end - now, left)));
    }
  }

  /** To the thread that took the place of one that died, and took all of its calls with it. */
  #reconnect(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#lobby);
      if (!received) return;
      this.#mailbox.close();
      // LoopThread sent it.
      this.#mailbox = new Mailbox(received.message as MailboxHandle);
      this.#inboxes.clear();
    }
  }

  /** Waits for a message, whosever it is. */
  #pull(timeout: number): boolean {
    let message: ThreadToCaller | undefined;
    try {
      message = this.#mailbox.poll(timeout);
    } catch (error) {
      throw ended(error);
    }
    if (message) this.#inboxes.get(message.id)?.push(message);
    return message !== undefined;
  }
}

/**
 * What a thread that waits for the app sees of its client: a piece of the body that the app wants, that this is still to
 * come (it has waited for it), that the client is there, or (where the server tells nothing) nothing.
 */
type Sight = 'body' | 'slow client' | 'client' | 'nothing';

/** A waiting thread looks after its client, or after its app, at growing intervals up to these, in ms. */
const longestPause = 50;
const longestRead = 10;

function ended(cause?: unknown): GatewayError {
  return new GatewayError('THREAD', 'Cannot get an answer: the loop thread has ended', { cause });
}

function silent(timeout: number): HttpError {
  return new HttpError(504, `Cannot get an answer: the async app sent nothing for ${timeout} ms`);
}

/** Credit is given back when so much was taken: half of the loop thread's window, so that neither side idles. */
const creditAt = window / 2;

/** One call, as the body that it returns: each next() blocks until the app has sent a piece. */
class BlockedCall implements ResponseBody, Iterator<Uint8Array, undefined> {
  readonly #caller: Caller;
  readonly #id: number;
  readonly #request: string;
  readonly #input: BodyReader;
  /** Where the server tells it. */
  readonly #disconnected: (() => unknown) | undefined;
  /** The app awaits receive(). */
  #wanted = false;
  #first: Uint8Array | undefined;
  #taken = 0;
  #over = false;

  constructor(caller: Caller, id: number, environ: Environ) {
    this.#caller = caller;
    this.#id = id;
    this.#request = requestId(environ) ?? `call ${id}`;
    this.#input = new BodyReader(environ);
    const { 'dualgate.client_disconnected': disconnected } = environ;
    if (typeof disconnected === 'function') this.#disconnected = () => disconnected();
  }

  /** Waits for the head. An answer of one piece is returned as such, so that the server knows its length (W-76). */
  open(scope: ScopeData, startResponse: StartResponse): ResponseBody {
    this.#caller.open(this.#id);
    this.#caller.post({ id: this.#id, kind: 'open', scope, request: this.#request });
    const { head, body, more } = this.#answer();
    try {
      if (!head) throw new GatewayError('THREAD', 'Cannot start the answer: its first piece has no head');
      const write = startResponse(head.status, head.headers);
      if (!more) return body.length > 0 ? [body] : [];
      if (body.length > 0) this.#first = body;
      else write(body); // the app wants its head to leave
    } catch (error) {
      this.close();
      throw error;
    }
    return this;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Uint8Array, undefined> {
    if (this.#over) return { value: undefined, done: true };
    const value = this.#first ?? this.#more();
    this.#first = undefined;
    return value.length > 0 ? { value, done: false } : { value: undefined, done: true };
  }

  return(): IteratorResult<Uint8Array, undefined> {
    this.close();
    return { value: undefined, done: true };
  }

  /** Unless the answer is complete, the app hears http.disconnect. */
  close(): void {
    if (this.#over) return;
    this.#finish();
    this.#caller.post({ id: this.#id, kind: 'gone' });
  }

  #more(): Uint8Array {
    if (this.#taken >= creditAt) {
      this.#caller.post({ id: this.#id, kind: 'credit', taken: this.#taken });
      this.#taken = 0;
    }
    return this.#answer().body;
  }

  /** The next piece; meanwhile the app's receive() is answered. */
  #answer(): Answer {
    try {
      for (;;) {
        const message = this.#caller.take(this.#id, this.#look);
        if (!message) this.#feed();
        else if (message.kind === 'want') this.#wanted = true;
        else if (message.kind === 'failed') throw this.#failed(message);
        else return this.#took(message);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  readonly #look = (pause: number): Sight => {
    if (this.#disconnected?.() === true) throw new Disconnected();
    if (this.#wanted) return this.#input.ready(Math.min(pause, longestRead)) ? 'body' : 'slow client';
    return this.#disconnected ? 'client' : 'nothing';
  };

  #took(answer: Answer): Answer {
    this.#taken += weightOf(answer.body);
    if (!answer.more) this.#finish();
    return answer;
  }

  #failed({ error }: Extract<ThreadToCaller, { kind: 'failed' }>): Error {
    this.#finish();
    return revive(error);
  }

  /** Reads a piece of the request body for the app. The client's leaving ends this call; what else fails is the app's. */
  #feed(): void {
    const id = this.#id;
    this.#wanted = false;
    let piece: { body: Uint8Array; more: boolean };
    try {
      piece = this.#input.read();
    } catch (error) {
      if (isDisconnected(error)) throw error;
      this.#caller.post({ id, kind: 'broken', error: carry(error) });
      return;
    }
    this.#caller.post({ id, kind: 'body', body: parcel(piece.body), more: piece.more });
  }

  #finish(): void {
    this.#over = true;
    this.#caller.forget(this.#id);
  }
}

function isDisconnected(error: unknown): boolean {
  return error instanceof Disconnected || (error instanceof GatewayError && error.code === 'DISCONNECTED');
}

function requestId({ 'dualgate.request_id': id }: Environ): string | undefined {
  return typeof id === 'string' ? id : undefined;
}

function refuse({ status, message }: HttpError, startResponse: StartResponse): ResponseBody {
  const body = Buffer.from(`${message}\n`);
  startResponse(`${status} Bad Request`, [
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
  ]);
  return [body];
}
