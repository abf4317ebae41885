// What leaves on one socket: text of one turn in one write, and who waits for room.
import type { Socket } from 'node:net';

import type { ByteString } from '../core/bytes.ts';
import { type Deferred, deferred } from '../core/deferred.ts';
import { Disconnected } from '../core/errors.ts';

const roomy: Promise<void> = Promise.resolve();
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

  /** Hands over text and bytes, in one write; text alone may wait for the end of this turn, for others to join it. */
  emit(parts: readonly (ByteString | Uint8Array)[], mayWait: boolean): void {
    const [first] = parts;
    if (parts.length > 1 || typeof first !== 'string') {
      this.#writeAll(parts);
    } else if (mayWait && this.#text.length + first.length < most) {
      if (this.#text === '') process.nextTick(flushOutflow, this);
      this.#text += first;
    } else {
      this.#socket.write(this.#text + first, 'latin1');
      this.#text = '';
    }
  }

  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (this.#socket.writable) this.#socket.write(text, 'latin1');
  }

  /** Resolves when the socket has room; rejects with Disconnected once it is closed. */
  room(): Promise<void> {
    if (!this.#socket.writableNeedDrain) return roomy;
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

  #writeAll(parts: readonly (ByteString | Uint8Array)[]): void {
    const socket = this.#socket;
    socket.cork();
    this.flush();
    for (const one of parts) {
      if (typeof one === 'string') socket.write(one, 'latin1');
      else socket.write(one);
    }
    socket.uncork();
  }
}

function flushOutflow(outflow: Outflow): void {
  outflow.flush();
}
