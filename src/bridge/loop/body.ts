// wsgi.input, piece by piece: as much as there is where the server can say so, else as much as may be blocked for.
import { noBytes } from '../../core/bytes.ts';
import type { Environ, InputStream } from '../../sync/interface.ts';

/** Largest piece, in bytes. */
const largest = 64 * 1024;

/** What our own servers' input offers beyond the contract. */
interface Prompt extends InputStream {
  /** What is there, at most `limit` bytes: blocks for the first of them only. */
  readSome(limit: number): Uint8Array;
  /** Would readSome() return, or throw, at once? Waits for that, at most `timeout` ms. */
  ready(timeout: number): boolean;
}

export class BodyReader {
  readonly #input: InputStream;
  /** What Content-Length leaves; null where it is unknown. */
  #left: number | null;

  constructor(environ: Environ) {
    this.#input = environ['wsgi.input'];
    const { CONTENT_LENGTH } = environ;
    this.#left = CONTENT_LENGTH === undefined || CONTENT_LENGTH === '' ? null : Number(CONTENT_LENGTH);
  }

  /** Will read() be back at once? Waits for that, at most `timeout` ms; says so too where nobody knows. */
  ready(timeout: number): boolean {
    return this.#left === 0 || !isPrompt(this.#input) || this.#input.ready(timeout);
  }

  /**
   * The next piece, of at most 64 KiB, and whether more may follow. read(n) of the contract blocks until there are n
   * bytes: a client that sends little by little, and waits for an answer in between, is served by our own input only.
   */
  read(): { body: Uint8Array; more: boolean } {
    if (this.#left === 0) return { body: noBytes, more: false };
    const limit = Math.min(largest, this.#left ?? largest);
    const body = isPrompt(this.#input) ? this.#input.readSome(limit) : this.#input.read(limit);
    if (this.#left !== null) this.#left -= body.length;
    return { body, more: body.length > 0 && this.#left !== 0 };
  }
}

function isPrompt(input: InputStream): input is Prompt {
  return 'readSome' in input && typeof input.readSome === 'function' && 'ready' in input;
}
