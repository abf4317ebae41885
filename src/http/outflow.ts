// What leaves on one socket: text of one turn in one write, and who waits for room.
import type { Socket } from 'node:net';

import type { ByteString } from '../core/bytes.ts';
import { type Deferred, deferred, settled } from '../core/deferred.ts';
import { Disconnected } from '../core/errors.ts';
import { releaseSlab, type Slab, takeSlab } from './slab.ts';

/** Text that waits for its turn's end leaves when it is this long. */
const most = 64 * 1024;
/** Bytes up to this size are copied behind their head: an echo of 16 KiB costs 24 µs so, and 35 µs as a vector (Node 20). */
const joined = 64 * 1024;

export class Outflow {
  readonly #socket: Socket;
  readonly #encrypted: boolean;
  /** Text that leaves at the end of this turn of the loop. */
  #text: ByteString = '';
  #room: Deferred<void> | null = null;
  /** performance.now() since when a writer waits; 0: none does. */
  fullSince = 0;

  constructor(socket: Socket, encrypted: boolean) {
    this.#socket = socket;
    this.#encrypted = encrypted;
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

  /** Hands over bytes and the text around them, in one write: joined while that is cheaper than a vector of them. */
  bytes(before: ByteString, bytes: Uint8Array, after: ByteString): void {
    if (bytes.length <= joined) {
      const slab = takeSlab();
      slab.add(bytes); // it has room for so many
      return this.slab(before, slab, after);
    }
    const socket = this.#socket;
    socket.cork();
    this.#write(before);
    socket.write(bytes);
    this.#write(after);
    socket.uncork();
  }

  /** Hands over a slab and the text around it, in one write; it is released when it has left. */
  slab(before: ByteString, slab: Slab, after: ByteString): void {
    const begun = slab.prepend(this.#text + before);
    if (begun) this.#text = '';
    const ended = slab.append(after);
    if (!begun || !ended) this.#socket.cork();
    if (!begun) this.#write(before);
    this.#socket.write(slab.bytes);
    if (!ended) this.#write(after);
    if (!begun || !ended) this.#socket.uncork();
    this.#release(slab);
  }

  /** Text that cannot wait, behind text that does. */
  #write(text: ByteString): void {
    const all = this.#text + text;
    this.#text = '';
    if (all !== '') this.#socket.write(all, 'latin1');
  }

  /** At once where the kernel took it so. Where the socket breaks it is left to the garbage collector. */
  #release(slab: Slab): void {
    // TLS may still read from bytes that count as written: its callback says when it does not.
    if (!this.#encrypted && this.#socket.writableLength === 0) return releaseSlab(slab);
    this.#socket.write('', 'latin1', (error) => {
      if (!error) releaseSlab(slab);
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
