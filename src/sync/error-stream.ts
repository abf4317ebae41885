// wsgi.errors: text that an app writes for whoever runs it.
import { ContractError } from '../core/errors.ts';
import type { ErrorStream } from './interface.ts';

/** An app without a newline gets a line of its own after so many characters. */
const longest = 64 * 1024;

/** Hands each line on as soon as it is whole; the rest of one at flush(), and at the end of the call (PEP 3333, "Input and Error Streams"). */
export class Errors implements ErrorStream {
  readonly #out: (line: string) => void;
  #rest = '';

  constructor(out: (line: string) => void) {
    this.#out = out;
  }

  write(text: string): void {
    if (typeof text !== 'string') {
      throw new ContractError('W-31', `wsgi.errors.write() got a ${typeof text}: it takes text`);
    }
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') this.#out(line);
    if (this.#rest.length > longest) this.flush();
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {
    const rest = this.#rest;
    this.#rest = '';
    if (rest !== '') this.#out(rest);
  }

  /** The server's streams are the server's to close (W-37). */
  close(): never {
    throw new ContractError('W-37', 'wsgi.errors was closed by the app: leave that to the server');
  }
}
