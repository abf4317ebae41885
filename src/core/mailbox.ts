// A MessagePort that a thread can block on: one direction in, one out; post never blocks, take does.
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type TransferListItem,
} from 'node:worker_threads';

import { GatewayError } from './errors.ts';

/** One end of a mailbox; it may be sent to a thread, with its port in the transfer list. */
export interface MailboxHandle {
  readonly port: MessagePort;
  /**
   * Its first word, on shared memory, is bumped for every message, and waited on by a thread that takes. It may be a
   * word that others ring as well, so that a thread has one word to wait on.
   */
  readonly bell: Int32Array;
}

/** The two ends of a new mailbox. A `bell` is made where none is given. */
export function mailboxPair(
  bell: Int32Array = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
): [MailboxHandle, MailboxHandle] {
  const { port1, port2 } = new MessageChannel();
  return [
    { port: port1, bell },
    { port: port2, bell },
  ];
}

/** Wakes whoever waits on this bell, so that it looks again. */
export function ring(bell: Int32Array): void {
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
}

/** How often a blocked thread makes sure that the other end is still there, in milliseconds. */
const glance = 200;

/** The last message of an end that closes. */
const farewell = null;

/** Messages are objects; a message that is not one is refused by its type. */
export class Mailbox<In extends object, Out extends object> {
  readonly bell: Int32Array;
  #port: MessagePort;
  #listening = false;
  #closed = false;

  constructor({ port, bell }: MailboxHandle) {
    this.#port = port;
    this.bell = bell;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends, and wakes the other end where it is blocked. After close, of either end, it does nothing. */
  post(message: Out, transfer: readonly TransferListItem[] = []): void {
    if (this.#closed) return;
    this.#port.postMessage(message, transfer);
    ring(this.bell);
  }

  /**
   * The next message; blocks this thread until there is one: never on a thread that serves.
   * Throws GatewayError TIMEOUT after `timeout` ms, and CLOSED once the other end is closed or its thread has ended.
   */
  take(timeout: number): In {
    const end = performance.now() + timeout;
    for (let left = timeout; left > 0; left = end - performance.now()) {
      const message = this.poll(left);
      if (message !== undefined) return message;
    }
    throw new GatewayError('TIMEOUT', `Cannot take a message: none came within ${timeout} ms`);
  }

  /** As take, but undefined after `timeout` ms, and as soon as the bell was rung for something else than a message. */
  poll(timeout: number): In | undefined {
    if (this.#listening) throw new GatewayError('CLOSED', 'Cannot take a message: this end has a listener');
    const end = performance.now() + timeout;
    for (let rung = false; ; ) {
      const seen = Atomics.load(this.bell, 0);
      const message = this.#next();
      const left = end - performance.now();
      if (message !== undefined || rung || left <= 0) return message;
      rung = Atomics.wait(this.bell, 0, seen, Math.min(left, glance)) !== 'timed-out';
      if (!rung) this.#look();
    }
  }

  /** The other side's way: each message as an event. `gone` is called once when the other end has closed or died. */
  on(listener: (message: In) => void, gone: () => void = () => {}): void {
    this.#listening = true;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      const mine = this.#closed;
      this.#end();
      if (!mine) gone();
    };
    this.#port.on('message', (message: In | typeof farewell) => {
      if (message === farewell) leave();
      else listener(message);
    });
    this.#port.on('close', leave);
  }

  /** Says farewell, so that a blocked take on the other end throws. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#port.postMessage(farewell);
    this.#end();
    ring(this.bell);
  }

  /** Does this end, with its listener, keep the event loop alive? It does unless told otherwise. */
  unref(): void {
    this.#port.unref();
  }

  #next(): In | undefined {
    if (this.#closed) throw gone();
    const received = receiveMessageOnPort(this.#port);
    if (received === undefined) return undefined;
    // Only the other end's post() and close() write to this port.
    const message = received.message as In | typeof farewell;
    if (message !== farewell) return message;
    this.#end();
    throw gone();
  }

  /**
   * Is the other end still there? A blocked thread gets no 'close' event, but a port whose other end is gone cannot be
   * moved, and moving it to where it is costs nothing else: what waits in it moves along.
   */
  #look(): void {
    try {
      this.#port = structuredClone(this.#port, { transfer: [this.#port] });
    } catch (error) {
      this.#closed = true;
      throw gone(error);
    }
  }

  #end(): void {
    this.#closed = true;
    this.#port.close();
  }
}

function gone(cause?: unknown): GatewayError {
  return new GatewayError(
    'CLOSED',
    'Cannot take a message: the other end of the mailbox is closed',
    cause === undefined ? undefined : { cause },
  );
}
