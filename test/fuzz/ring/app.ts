// The app of the fuzzer, on the threads: does what the plan of its call says, checks each byte, and dies where it should.
import process from 'node:process';

import type {
  Environ,
  InputStream,
  ResponseBody,
  StartResponse,
  SyncApp,
} from '../../../src/sync/interface.ts';
import { sleep } from '../../../src/sync/sleep.ts';
import { Ring } from '../../../src/sync/threads/ring.ts';
import { Slots } from '../../../src/sync/threads/slots.ts';
import { Seeded } from '../seeded.ts';
import { Ledger, type LedgerHandle } from './ledger.ts';
import { keysOf, type Kinds, type Plan, planOf, sizesOf } from './plan.ts';
import { Stream } from './stream.ts';

export interface Assignment {
  readonly seed: number;
  readonly kinds: Kinds;
  readonly ledger: LedgerHandle;
  /** Of how many operations on shared memory one is this thread's last; 0: none. */
  readonly mortality: number;
  /** Another one for each thread. */
  readonly thread: number;
}

/** A factory: what it is given is the thread's assignment. */
export function make(given: unknown): SyncApp {
  const assignment = given as Assignment; // episode.ts gives it
  const { seed, kinds } = assignment;
  const ledger = new Ledger(assignment.ledger);
  if (assignment.mortality > 0) beMortal(assignment, ledger);
  return (environ, startResponse) => {
    const index = Number(environ.QUERY_STRING);
    ledger.add(index, 'entered', 1);
    return new Act(planOf(seed, index, kinds), seed, ledger).answer(environ, startResponse);
  };
}

/** Every method that works on shared memory may be the last thing that this thread does, before it or behind it. */
function beMortal({ seed, thread, mortality }: Assignment, ledger: Ledger): void {
  const chance = new Seeded(seed ^ Math.imul(thread + 1, 0x9e3779b1));
  const die = (): void => {
    if (chance.once(mortality) && ledger.mayDie()) process.exit(7);
  };
  for (const { prototype } of [Slots, Ring]) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const method: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      if (name === 'constructor' || typeof method !== 'function') continue;
      Object.defineProperty(prototype, name, {
        value(this: unknown, ...args: unknown[]): unknown {
          die();
          const result: unknown = Reflect.apply(method, this, args);
          die();
          return result;
        },
      });
    }
  }
}

class Act {
  readonly #plan: Plan;
  readonly #ledger: Ledger;
  readonly #up: Stream;
  readonly #down: Stream;
  readonly #chance: Seeded;
  #steps = 0;

  constructor(plan: Plan, seed: number, ledger: Ledger) {
    const [up, down] = keysOf(seed, plan.index);
    this.#plan = plan;
    this.#ledger = ledger;
    this.#up = new Stream(up);
    this.#down = new Stream(down);
    this.#chance = new Seeded(up ^ down);
  }

  answer(environ: Environ, startResponse: StartResponse): ResponseBody {
    const { answer } = this.#plan;
    this.#step();
    const input = environ['wsgi.input'];
    if (this.#plan.reading !== 'between') this.#read(input);
    if (answer === 'generator') return this.#generate(input, startResponse);
    const write = this.#start(startResponse);
    const sizes = this.#sizes();
    if (answer === 'write') {
      for (const size of sizes) {
        this.#step();
        write(this.#down.next(size));
      }
      return [];
    }
    if (answer === 'list') return sizes.map((size) => this.#down.next(size));
    const pieces = sizes.map((size) => () => this.#down.next(size));
    const step = (): void => this.#step();
    const ledger = this.#ledger;
    const { index } = this.#plan;
    return {
      *[Symbol.iterator]() {
        for (const piece of pieces) {
          step();
          yield piece();
        }
      },
      close() {
        ledger.add(index, 'closed', 1);
        step();
      },
    };
  }

  *#generate(input: InputStream, startResponse: StartResponse): Generator<Uint8Array> {
    this.#start(startResponse);
    for (const size of this.#sizes()) {
      this.#step();
      if (this.#plan.reading === 'between') this.#take(input.read(1 + this.#chance.below(40_000)));
      yield this.#down.next(size);
    }
    if (this.#plan.reading === 'between') this.#read(input);
    this.#step();
  }

  #start(startResponse: StartResponse): ReturnType<StartResponse> {
    const { nap, down, wideAnswer, index } = this.#plan;
    if (nap > 0) sleep(nap);
    this.#step();
    const headers: Array<[string, string]> = [['x-index', String(index)]];
    if (wideAnswer > 0) headers.push(['x-wide', 'w'.repeat(wideAnswer)]);
    if (this.#chance.once(2)) headers.push(['content-length', String(down)]);
    const write = startResponse('200 OK', headers);
    this.#step();
    return write;
  }

  #read(input: InputStream): void {
    const { reading, up } = this.#plan;
    if (reading === 'none') return;
    if (reading === 'all') return this.#take(input.read());
    if (reading === 'lines') {
      for (const line of input) this.#take(line);
      return;
    }
    const enough = reading === 'half' ? up / 2 : Number.POSITIVE_INFINITY;
    while (this.#up.at < enough) {
      this.#step();
      const piece = input.read(1 + this.#chance.below(30_000));
      if (piece.length === 0) break;
      this.#take(piece);
    }
  }

  #take(bytes: Uint8Array): void {
    const { index } = this.#plan;
    const before = this.#up.at;
    const right = this.#up.holds(bytes);
    this.#ledger.add(index, 'seen', this.#up.at - before);
    if (right && this.#up.at <= this.#plan.up) return;
    this.#ledger.add(index, 'wrong', this.#up.at + 1);
    throw new Error(`Byte ${this.#up.at} of the body of call ${index} is wrong`);
  }

  #sizes(): number[] {
    return sizesOf(this.#chance, this.#plan.down, this.#plan.downPieces);
  }

  /** Where the plan wants a fault, this is where it happens. */
  #step(): void {
    const { fault, index } = this.#plan;
    this.#steps += 1;
    if (!fault || this.#steps !== fault.step + 1) return;
    if (fault.kind !== 'throw' && !this.#ledger.mayDie()) return;
    this.#ledger.add(index, 'fault', 1);
    if (fault.kind === 'throw') throw new Error(`Planned in call ${index}`);
    if (fault.kind === 'exit') process.exit(3);
    // nobody hears of it: it ends the thread once its loop turns
    Promise.reject(new Error(`Left alone in call ${index}`));
  }
}
