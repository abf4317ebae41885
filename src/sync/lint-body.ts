// lint() on the iterable that an app returned: read once, closed once, and not forgotten.
import type { ResponseBody } from './interface.ts';
import type { LintCall } from './lint-call.ts';
import { shown, type Verdict } from './lint-verdict.ts';

/** Of iterables that nobody closed; it may be late, or never, by the nature of garbage collection. */
const forgotten = new FinalizationRegistry<Verdict>((verdict) => {
  verdict.warn('V-30', 'An iterable was forgotten without its close()');
});

/** Is it something that can be iterated? Reported where it is not, as far as nothing is thrown. */
export function isBody(returned: unknown, verdict: Verdict): returned is ResponseBody {
  if (returned === null || returned === undefined || returned === false) {
    verdict.fault('V-03', `The app returned ${shown(returned)}: return an array, if only an empty one`);
  } else if (typeof returned === 'string' || returned instanceof Uint8Array) {
    const what =
      typeof returned === 'string'
        ? `a string, ${shown(returned)}: encode it, and return it in an array`
        : `bare bytes, ${returned.length} of them: return them in an array`;
    verdict.fault('V-04', `The app returned ${what}`);
  } else if (typeof returned !== 'object' || !(Symbol.iterator in returned)) {
    verdict.fault('W-72', `The app returned ${unlike(returned)}`);
  } else return true;
  return false;
}

/** What has no iterator, and what to do about it. */
function unlike(returned: unknown): string {
  if (returned instanceof Promise) return 'a promise: a sync app is no async function, and awaits nothing';
  if (typeof returned === 'object' && returned !== null && Symbol.asyncIterator in returned)
    return 'an async iterable: a sync app gives a plain one';
  return `${shown(returned)}: return an array or another iterable of Uint8Array`;
}

/** IteratorWrapper of wsgiref.validate. It is never an array, so that the server sees each piece asked for. */
export class LintBody implements ResponseBody {
  readonly #body: ResponseBody;
  readonly #call: LintCall;
  #iterated = false;
  #whole = false;
  #closed = false;

  constructor(body: ResponseBody, call: LintCall) {
    this.#body = body;
    this.#call = call;
    call.opened(() => this.#closed);
    forgotten.register(this, call.verdict, this);
  }

  [Symbol.iterator](): Iterator<Uint8Array> {
    if (this.#iterated) this.#call.verdict.fault('V-44', 'The iterable was iterated a second time');
    this.#iterated = true;
    const pieces = this.#call.run(() => this.#body[Symbol.iterator]());
    return {
      next: () => this.#next(pieces),
      return: () => this.#call.run(() => pieces.return?.() ?? { done: true, value: undefined }),
    };
  }

  close(): void {
    if (this.#closed) return this.#call.verdict.fault('V-43', 'close() was called a second time');
    this.#closed = true;
    forgotten.unregister(this);
    this.#call.run(() => this.#body.close?.());
    this.#call.ended(this.#whole);
  }

  #next(pieces: Iterator<Uint8Array>): IteratorResult<Uint8Array> {
    const call = this.#call;
    if (this.#closed) call.verdict.fault('V-28', 'The iterable was read after its close()');
    call.asked();
    call.iterating = true;
    let next: IteratorResult<Uint8Array>;
    try {
      next = call.run(() => pieces.next());
    } finally {
      call.iterating = false;
    }
    if (next.done) this.#whole = true;
    else call.gave(next.value);
    return next;
  }
}
