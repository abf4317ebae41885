// wsgi.input, piece by piece: as much as there is where the server can say so, else as much as may be blocked for.
import { noBytes } from '../../core/bytes.ts';
import type { Environ, InputStream } from '../../sync/interface.ts';

/** Largest piece, in bytes. */
const largest = 64 * 1024;

/** What our own servers' input offers beyond the contract: it blocks for the first byte only. */
interface Prompt extends InputStream {
  readSome(limit: number): Uint8Array;
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

  /**
   * The next piece, of at most 64 KiB, and whether more may follow. read(n) of the contract blocks until there are n
   * bytes: a client that sends little by little, and waits for an answer in between, is served by `readSome` only.
   */
  read(): { body: Uint8Array; more: boolean } {
    if (this.#left === 0) return { body: noBytes, more: false };
    const limit = Math.min(largest, this.#left ?? largest);
    const body = hasReadSome(this.#input) ? this.#input.readSome(limit) : this.#input.read(limit);
    if (this.#left !== null) this.#left -= body.length;
    return { body, more: body.length > 0 && this.#left !== 0 };
  }
}

function hasReadSome(input: InputStream): input is Prompt {
  return 'readSome' in input && typeof input.readSome === 'function';
}
