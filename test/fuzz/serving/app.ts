// The app of the server's fuzzer, on the threads: checks what it is given to the byte, and answers by its plan.
import process from 'node:process';

import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { sleep } from '../../../src/sync/sleep.ts';
import { keysOf, sizesOf } from '../ring/plan.ts';
import { Stream } from '../ring/stream.ts';
import { Seeded } from '../seeded.ts';
import { type Kinds, type Plan, planOf, variablesOf } from './plan.ts';

export interface Assignment {
  readonly seed: number;
  readonly kinds: Kinds;
}

/** What the call before has left, which nothing may come of. */
let kept: (() => void)[] = [];
/** Filled again for each piece: the server has taken a copy by then. */
const shared = new Uint8Array(new SharedArrayBuffer(256 * 1024));
const own = new Uint8Array(256 * 1024);

export function make(given: unknown): SyncApp {
  const { seed, kinds } = given as Assignment; // episode.ts gives it
  return (environ, startResponse) => {
    const plan = planOf(seed, Number(environ.QUERY_STRING), kinds);
    return new Act(plan, seed).answer(environ, startResponse);
  };
}

class Act {
  readonly #plan: Plan;
  readonly #up: Stream;
  readonly #down: Stream;
  readonly #chance: Seeded;
  readonly #sizes: number[];
  #input: Environ['wsgi.input'] | null = null;

  constructor(plan: Plan, seed: number) {
    const [up, down] = keysOf(seed, plan.index);
    this.#plan = plan;
    this.#up = new Stream(up);
    this.#down = new Stream(down);
    this.#chance = new Seeded(up ^ down);
    this.#sizes = plan.answer === 'single' ? [plan.down] : sizesOf(this.#chance, plan.down, plan.pieces);
  }

  answer(environ: Environ, startResponse: StartResponse): ResponseBody {
    const plan = this.#plan;
    this.#check(environ);
    if (plan.late) for (const use of kept) use();
    const input = environ['wsgi.input'];
    this.#input = input;
    for (let at = 0; at < plan.hints; at += 1)
      environ['wsgi.early_hints']?.([['link', `</${at}>; rel=preload`]]);
    if (plan.nap > 0) sleep(plan.nap);
    if (plan.reading === 'all') this.#take(input.read(), true);
    if (plan.reading === 'pieces') this.#readOn(Number.POSITIVE_INFINITY);
    if (plan.fault?.when === 'before') this.#fail();
    if (plan.answer === 'generator') return this.#generate(startResponse);
    const write = this.#start(startResponse);
    this.#keep(environ, startResponse, write);
    if (plan.answer === 'write' || plan.answer === 'flush') {
      if (plan.answer === 'flush') write(new Uint8Array(0));
      for (const piece of this.#pieces()) write(piece);
      return [];
    }
    if (plan.answer === 'closing') {
      const pieces = this.#pieces();
      return { [Symbol.iterator]: () => pieces, close: () => own.fill(0) };
    }
    if (plan.fault) this.#fail();
    if (plan.answer === 'single') return [this.#piece(plan.down)];
    return this.#sizes.map((size) => this.#down.next(size));
  }

  *#generate(startResponse: StartResponse): Generator<Uint8Array> {
    this.#start(startResponse);
    yield* this.#pieces();
  }

  *#pieces(): Generator<Uint8Array> {
    const { fault, reading } = this.#plan;
    for (const [at, size] of this.#sizes.entries()) {
      if (fault && at === 1) this.#fail();
      if (reading === 'between') this.#readOn(this.#up.at + 1 + this.#chance.below(40_000));
      yield this.#piece(size);
    }
    if (fault) this.#fail();
    own.fill(1);
    shared.fill(2);
  }

  /** In memory that is written over with the next one. */
  #piece(size: number): Uint8Array {
    const bytes = this.#down.next(size);
    const where = this.#chance.pick([null, shared, own]);
    if (!where) return bytes;
    const at = this.#chance.below(9);
    where.set(bytes, at);
    return where.subarray(at, at + size);
  }

  #start(startResponse: StartResponse): ReturnType<StartResponse> {
    const { status, extra, declared, down } = this.#plan;
    const headers = extra.map(([name, value]): [string, string] => [name, value]);
    if (declared) headers.push(['Content-Length', String(down)]);
    const write = startResponse(status as '200 OK', headers); // the plan's are all of that form
    headers.length = 0;
    return write;
  }

  #keep(environ: Environ, startResponse: StartResponse, write: ReturnType<StartResponse>): void {
    const input = environ['wsgi.input'];
    kept = [
      () => refuses(() => input.read(10).length === 0),
      () => refuses(() => write(Buffer.from('LATE'))),
      () => refuses(() => startResponse('200 OK', [['late', 'yes']])),
      () =>
        refuses(
          () =>
            environ['wsgi.early_hints']?.([['link', '</late>']]) === undefined &&
            !environ['wsgi.early_hints'],
        ),
      () => environ['dualgate.client_disconnected']?.(),
    ];
  }

  #readOn(upTo: number): void {
    while (this.#up.at < upTo && this.#input) {
      const piece = this.#input.read(1 + this.#chance.below(30_000));
      this.#take(piece, piece.length === 0);
      if (piece.length === 0) return;
    }
  }

  #take(bytes: Uint8Array, last: boolean): void {
    const right = this.#up.holds(bytes) && this.#up.at <= this.#plan.up;
    if (right && (!last || this.#up.at === this.#plan.up)) return;
    throw wrong(`byte ${this.#up.at} of ${this.#plan.up} of the body of ${this.#plan.index}`);
  }

  #check(environ: Environ): void {
    const plan = this.#plan;
    const expected = variablesOf(plan);
    for (const [key, value] of expected) {
      if (environ[key as 'HTTP_HOST'] !== value)
        throw wrong(`${key} of ${plan.index}: ${JSON.stringify(environ[key as 'HTTP_HOST'])?.slice(0, 200)}`);
    }
    for (const key of Object.keys(environ)) {
      if (key.startsWith('HTTP_') && !expected.has(key)) throw wrong(`${key} of ${plan.index} is nobody's`);
    }
    const line = `${environ.REQUEST_METHOD} ${String(environ['RAW_URI'])} ${environ.SERVER_PROTOCOL}`;
    if (line !== `${plan.method} ${plan.target} HTTP/${plan.version}`)
      throw wrong(`line of ${plan.index}: ${line}`);
    if (!environ.PATH_INFO.startsWith('/pAth/')) throw wrong(`path of ${plan.index}: ${environ.PATH_INFO}`);
  }

  #fail(): never {
    const kind = this.#plan.fault?.kind;
    if (kind === 'exit') process.exit(3);
    if (kind === 'stuck') for (;;) Math.random();
    throw new Error(`Planned in ${this.#plan.index}`);
  }
}

function wrong(what: string): Error {
  return new Error(`WRONG: ${what}`);
}

/** It throws, or says itself that nothing came of it. */
function refuses(use: () => unknown): void {
  try {
    if (use() === true) return;
  } catch {
    return;
  }
  throw wrong('what was kept of a call was of use after it');
}
