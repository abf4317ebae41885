// One call under lint(): what its app did so far, and how it stands to the calls inside it, where its app is middleware.
import type { Environ, ResponseHeaders, StartResponse, StatusLine, Write } from './interface.ts';
import { checkStart, checkUnchanged, type SeenHead } from './lint-response.ts';
import { shown, type Verdict } from './lint-verdict.ts';

/** On an environ, copies of it too: which request it belongs to. */
const mark = Symbol('dualgate.lint');
/** The call whose app runs at this moment: calls nest, and never interleave, for nothing here waits. */
let current: LintCall | null = null;

export class LintCall {
  readonly verdict: Verdict;
  /** The call of the middleware that this one was made by; null for the server's. */
  readonly outer: LintCall | null;
  /** The app has given its iterable. */
  returned = false;
  /** The app inside its iterable is running. */
  iterating = false;
  head: SeenHead | null = null;
  readonly #request: object;
  readonly #headRequest: boolean;
  /** The calls that its app made as middleware, and whether their iterables were closed. */
  readonly #inside: Array<() => boolean> = [];
  /** Pieces that it took from within since it was last asked for one. */
  #taken = 0;
  /** A write() from within is on its way up. */
  #passing = false;
  #bytes = 0;
  #thrown = false;
  #over = false;

  constructor(environ: Environ, verdict: Verdict) {
    this.verdict = verdict;
    this.outer = current !== null && Reflect.get(environ, mark) === current.#request ? current : null;
    this.#request = this.outer ? this.outer.#request : {};
    this.#headRequest = environ.REQUEST_METHOD === 'HEAD';
    Reflect.set(environ, mark, this.#request);
  }

  /** Runs a part of the app. What it calls meanwhile with the same environ stands inside it. */
  run<T>(part: () => T): T {
    const before = current;
    current = this;
    this.verdict.running += 1;
    try {
      const result = part();
      if (this.#thrown) this.#wentOn();
      return result;
    } finally {
      this.#thrown = false;
      this.verdict.running -= 1;
      current = before;
    }
  }

  startResponse(given: StartResponse): StartResponse {
    return (...args: unknown[]) => {
      this.verdict.look();
      const head = checkStart(args, this.verdict);
      const [status, , error] = args;
      // What is not right was reported, where it was not thrown: the server has the next word.
      const copy = Array.isArray(args[1]) ? [...args[1]] : args[1];
      let write: unknown;
      try {
        const rest = error === undefined || error === null ? [] : [error as Error];
        write = given(status as StatusLine, copy as ResponseHeaders, ...rest);
      } catch (thrown) {
        this.#thrown = error !== undefined && thrown === error;
        throw thrown;
      }
      this.head = head;
      if (typeof write !== 'function')
        this.verdict.fault('W-50', `startResponse gave ${shown(write)}: it gives write`);
      return this.#write(write as Write);
    };
  }

  /** It has begun to ask its app for the next piece. */
  asked(): void {
    this.#taken = 0;
  }

  /** A piece that it gives itself. */
  gave(piece: unknown): void {
    if (!(piece instanceof Uint8Array)) {
      this.verdict.fault('V-05', `The iterable gave ${shown(piece)}: it gives Uint8Array`);
      return;
    }
    if (piece.length > 0 && !this.head) {
      this.verdict.fault('V-29', `The iterable gave ${shown(piece)} before startResponse was called`);
    }
    this.#bytes += piece.length;
    if (this.outer) this.outer.#took();
  }

  /** The app inside has given its iterable; `closed` says later whether that was closed. */
  opened(closed: () => boolean): void {
    this.returned = true;
    if (this.outer) this.outer.#inside.push(closed);
  }

  /** The iterable was closed; it was read to its end, or not. */
  ended(whole: boolean): void {
    this.#over = true;
    if (this.head) {
      checkUnchanged(this.head, this.verdict);
      this.#checkLength(this.head, whole);
    }
    if (this.#inside.some((closed) => !closed())) {
      this.verdict.fault(
        'W-96',
        'Middleware did not close the iterable of the app inside: call its close() in yours',
      );
    }
  }

  #write(given: Write): Write {
    return (...args: [chunk: Uint8Array]) => {
      const [chunk] = args;
      if (args.length !== 1 || !(chunk instanceof Uint8Array)) {
        this.verdict.fault('V-05', `write() got ${shown(chunk)}: it takes one Uint8Array`);
      }
      if (this.iterating)
        this.verdict.fault('W-73', 'write() was called from inside the iterable: yield the bytes there');
      if (this.#inside.length > 0 && !this.#passing && !this.#over) {
        this.verdict.fault(
          'W-96',
          'Middleware called write() with what did not come by write(): give it in the iterable',
        );
      }
      this.#bytes += chunk?.length ?? 0;
      const { outer } = this;
      if (outer) outer.#passing = true;
      try {
        given(chunk);
      } finally {
        if (outer) outer.#passing = false;
      }
    };
  }

  /** Its app is middleware, and has taken a piece from within. */
  #took(): void {
    this.#taken += 1;
    if (!this.returned) {
      this.verdict.fault(
        'W-96',
        'Middleware took a piece of the app inside before it returned an iterable of its own',
      );
    } else if (this.#taken > 1) {
      this.verdict.fault(
        'W-95',
        `Middleware took ${this.#taken} pieces of the app inside and gave none: give an empty one for each`,
      );
    }
  }

  #wentOn(): void {
    this.verdict.warn(
      'W-61',
      'The app went on after startResponse had thrown the error that it was given: let that pass',
    );
  }

  #checkLength({ status, headers }: SeenHead, whole: boolean): void {
    if (/^(?:204|304)/.test(status)) {
      if (this.#bytes > 0)
        this.verdict.warn('V-33', `A ${status.slice(0, 3)} has a body of ${this.#bytes} bytes: it has none`);
      return;
    }
    const [, text] = headers.find(([name]) => name.toLowerCase() === 'content-length') ?? [];
    const length = Number(text);
    if (text === undefined || this.#headRequest) return;
    if (this.#bytes > length || (whole && this.#bytes < length)) {
      this.verdict.warn(
        'V-35',
        `The body has ${this.#bytes} bytes, and its Content-Length is ${shown(text)}`,
      );
    }
  }
}
