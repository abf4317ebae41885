// lint() on wsgi.input and wsgi.errors: the app uses what is in the contract, and closes neither.
import type { ErrorStream, InputStream } from './interface.ts';
import { shown, type Verdict } from './lint-verdict.ts';

/** InputWrapper of wsgiref.validate, and of Werkzeug where that is stricter. */
export class LintInput implements InputStream {
  readonly #input: InputStream;
  readonly #verdict: Verdict;
  /** wsgi.input_terminated: to read to the end is safe. */
  readonly #terminated: boolean;

  constructor(input: InputStream, terminated: boolean, verdict: Verdict) {
    this.#input = input;
    this.#terminated = terminated;
    this.#verdict = verdict;
  }

  read(...args: [size?: number]): Uint8Array {
    this.#sized('read', args);
    if (args[0] === undefined && !this.#terminated) {
      this.#verdict.fault('V-24', 'wsgi.input.read() got no size: another server may wait there for ever');
    }
    return this.#bytes('read', this.#input.read(...args));
  }

  readline(...args: [limit?: number]): Uint8Array {
    this.#sized('readline', args);
    if (args[0] === undefined && !this.#terminated) {
      this.#verdict.warn('V-36', 'wsgi.input.readline() got no size: a line may be as long as the body');
    }
    return this.#bytes('readline', this.#input.readline(...args));
  }

  readlines(...args: [hint?: number]): Uint8Array[] {
    this.#sized('readlines', args);
    const lines = this.#input.readlines(...args);
    for (const line of lines) this.#bytes('readlines', line);
    return lines;
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, void> {
    for (const line of this.#input) yield this.#bytes('its iterator', line);
  }

  close(): void {
    this.#verdict.fault('V-26', 'wsgi.input was closed by the app: leave that to the server');
  }

  #sized(method: string, args: readonly unknown[]): void {
    const [size] = args;
    if (args.length > 1) {
      this.#verdict.fault('V-24', `wsgi.input.${method}() got ${args.length} arguments: it takes a size`);
    } else if (size !== undefined && !Number.isInteger(size)) {
      this.#verdict.fault('V-24', `wsgi.input.${method}() got ${shown(size)}: give a number of bytes`);
    }
  }

  #bytes(method: string, piece: Uint8Array): Uint8Array {
    if (!(piece instanceof Uint8Array)) {
      this.#verdict.fault('V-25', `wsgi.input.${method} gave ${shown(piece)}: it gives Uint8Array`);
    }
    return piece;
  }
}

/** ErrorWrapper of wsgiref.validate. */
export class LintErrors implements ErrorStream {
  readonly #errors: ErrorStream;
  readonly #verdict: Verdict;

  constructor(errors: ErrorStream, verdict: Verdict) {
    this.#errors = errors;
    this.#verdict = verdict;
  }

  write(text: string): void {
    if (typeof text !== 'string')
      this.#verdict.fault('V-27', `wsgi.errors.write() got ${shown(text)}: it takes text`);
    this.#errors.write(text);
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {
    this.#errors.flush();
  }

  close(): void {
    this.#verdict.fault('V-26', 'wsgi.errors was closed by the app: leave that to the server');
  }
}
