// What an app prints while it handles a call: whole lines, each with the request's id before it.
import { type Outlet, writeWhole } from '../../core/stdio.ts';

/** Bytes of a line that has no end yet; then it is written as it is. */
const longest = 64 * 1024;
const newline = 10;
const brace = 123;

/**
 * Between calls everything passes as it is. In a call a line is written when it is whole, by one write, so that lines of
 * several threads never mix; what has no newline yet is written at the end of the call. A line that begins with `{` is
 * somebody's JSON and stays as it is: whoever writes that puts the id where it belongs.
 */
export class Output {
  /** For writeAtOnce(). */
  readonly outlet: Outlet;
  readonly #write: Outlet;
  #inCall = false;
  /** Of the call: its bytes are made when it prints, for most never do. */
  #request: unknown;
  /** By file descriptor: the beginning of a line. */
  readonly #rests = new Map<number, Buffer>();

  constructor(write: Outlet = writeWhole) {
    this.#write = write;
    this.outlet = (fd, data) => this.#take(fd, data);
  }

  /** A call begins: what is printed from now on is its. */
  enter(request: unknown): void {
    this.#inCall = true;
    this.#request = request;
  }

  leave(): void {
    if (this.#rests.size > 0) this.#flush();
    this.#inCall = false;
  }

  #flush(): void {
    for (const [fd, rest] of this.#rests) this.#line(fd, Buffer.concat([rest, end]));
    this.#rests.clear();
  }

  #take(fd: number, data: string | Uint8Array): void {
    if (!this.#inCall) {
      this.#write(fd, data);
      return;
    }
    const given = typeof data === 'string' ? Buffer.from(data, 'utf8') : Buffer.from(data);
    const before = this.#rests.get(fd);
    const bytes = before ? Buffer.concat([before, given]) : given;
    let from = 0;
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, from)) {
      this.#line(fd, bytes.subarray(from, at + 1));
      from = at + 1;
    }
    const rest = bytes.subarray(from);
    if (rest.length > longest) this.#line(fd, Buffer.concat([rest, end]));
    if (rest.length > 0 && rest.length <= longest) this.#rests.set(fd, rest);
    else this.#rests.delete(fd);
  }

  #line(fd: number, line: Buffer): void {
    const plain = line[0] === brace || line.length === 1 || typeof this.#request !== 'string';
    this.#write(fd, plain ? line : Buffer.concat([Buffer.from(`[${this.#request}] `), line]));
  }
}

const end = Buffer.of(newline);
