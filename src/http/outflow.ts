// What leaves on one socket: text of one turn in one write, and who waits for room.
import type { Socket } from 'node:net';

import type { ByteString } from '../core/bytes.ts';
import { type Deferred, deferred, settled } from '../core/deferred.ts';
import { Disconnected } from '../core/errors.ts';

/** Text that waits for its turn's end leaves when it is this long. */
const most = 64 * 1024;

export class Outflow {
  readonly #socket: Socket;
  /** Text that leaves at the end of this turn of the loop. */
  #text: ByteString = '';
  #room: Deferred<void> | null = null;
  /** performance.now() since when a writer waits; 0: none does. */
  fullSince = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Hands over text; it may wait for the end of this turn, for others to join it. */
  text(text: ByteString, mayWait: boolean): void {
    if (mayWait && this.#text.length + text.length < most) {
      if (this.#text === '') process.nextTick(flushOutflow, this);
      this.#text += text;
    } else if (this.#text === '') {
      this.#socket.write(text, 'latin1');
    } else {
      const all = this.#text + text;
      this.#text = '';
      this.#socket.write(all, 'latin1');
    }
  }

  /** Hands over bytes and the text around them, in one write. */
  bytes(before: ByteString, bytes: Uint8Array, after: ByteString): void {
    const socket = this.#socket;
    socket.cork();
    const first = this.#text + before;
    this.#text = '';
    if (first !== '') socket.write(first, 'latin1');
    socket.write(bytes);
    if (after !== '') socket.write(after, 'latin1');
    socket.uncork();
  }

  /** Calls back once the kernel has all that was handed over; at once where it took it so. Not where the socket breaks. */
  whenLeft(encrypted: boolean, left: () => void): void {
    // TLS may still read from the bytes when they count as written: its callback says when it does not.
    if (!encrypted && this.#socket.writableLength === 0) return left();
    this.#socket.write('', 'latin1', (error) => {
      if (!error) left();
    });
  }

  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (this.#socket.writable) this.#socket.write(text, 'latin1');
  }

  /** Resolves when the socket has room; rejects with Disconnected once it is closed. */
  room(): Promise<void> {
    if (!this.#socket.writableNeedDrain) return settled;
    if (!this.#room) {
      this.#room = deferred();
      this.#room.promise.catch(() => {}); // a writer that does not wait must not end the process
      this.fullSince = performance.now();
    }
    return this.#room.promise;
  }

  drained(): void {
    this.#room?.resolve();
    this.#room = null;
    this.fullSince = 0;
  }

  closed(): void {
    this.#text = '';
    this.#room?.reject(new Disconnected());
    this.#room = null;
    this.fullSince = 0;
  }
}

function flushOutflow(outflow: Outflow): void {
  outflow.flush();
}
