// One app of many behaviours for the tests of the pool: the path says which.
import process from 'node:process';
import { inspect } from 'node:util';

import type { Environ, ResponseBody, StartResponse } from '../../../../src/sync/interface.ts';
import { sleep } from '../../../../src/sync/sleep.ts';

const plain = (): Array<[string, string]> => [['Content-Type', 'text/plain']];
const bytes = (text: string): Uint8Array => Buffer.from(text);

type Behaviour = (environ: Environ, startResponse: StartResponse) => ResponseBody;

let ticks = 0;
setInterval(() => {
  ticks += 1;
}, 5);

/** What happened to the last client that left; told by /told of the same thread. */
const told: string[] = [];

const behaviours: Record<string, Behaviour> = {
  '/hello'(environ, startResponse) {
    startResponse('200 OK', plain());
    return [bytes(`hello from ${String(environ['dualgate.lane'])}`)];
  },
  '/environ'(environ, startResponse) {
    startResponse('200 OK', plain());
    const entries = Object.entries(environ).filter(([, value]) => typeof value !== 'object');
    return [bytes(JSON.stringify({ ...Object.fromEntries(entries), version: environ['wsgi.version'] }))];
  },
  '/sleep'(environ, startResponse) {
    sleep(Number(environ.QUERY_STRING));
    startResponse('200 OK', plain());
    return [bytes(String(environ['dualgate.lane']))];
  },
  *'/slow-end'(environ, startResponse) {
    startResponse('200 OK', plain());
    yield bytes('begun');
    sleep(Number(environ.QUERY_STRING));
    yield bytes('done');
  },
  '/echo'(environ, startResponse) {
    startResponse('200 OK', plain());
    return [environ['wsgi.input'].read()];
  },
  *'/relay'(environ, startResponse) {
    startResponse('200 OK', plain());
    for (;;) {
      const piece = environ['wsgi.input'].read(10_000);
      if (piece.length === 0) return;
      yield piece;
    }
  },
  *'/relay-line'(environ, startResponse) {
    startResponse('200 OK', plain());
    yield* environ['wsgi.input'];
  },
  '/errors'(environ, startResponse) {
    environ['wsgi.errors'].write('note one\nnote');
    environ['wsgi.errors'].writelines([' two €\n', 'note three']);
    startResponse('200 OK', plain());
    return [bytes('written')];
  },
  '/count'(environ, startResponse) {
    let total = 0;
    for (;;) {
      const piece = environ['wsgi.input'].read(100_000);
      if (piece.length === 0) break;
      total += piece.length;
    }
    startResponse('200 OK', plain());
    return [bytes(String(total))];
  },
  *'/stream'(environ, startResponse) {
    startResponse('200 OK', plain());
    const piece = new Uint8Array(64 * 1024).fill(120);
    for (let left = Number(environ.QUERY_STRING); left > 0; left -= piece.length) {
      yield left < piece.length ? piece.subarray(0, left) : piece;
    }
  },
  '/forever'(environ, startResponse) {
    startResponse('200 OK', plain());
    return new Forever(environ);
  },
  '/read-then-tell'(environ, startResponse) {
    try {
      environ['wsgi.input'].read(10);
      told.push('read it');
    } catch (error) {
      told.push(`read threw ${(error as Error).name}`);
      throw error;
    }
    startResponse('200 OK', plain());
    return [];
  },
  '/told'(_environ, startResponse) {
    startResponse('200 OK', plain());
    return [bytes(told.splice(0).join(', '))];
  },
  '/throw'() {
    throw new RangeError('The app has a fault');
  },
  '/throw-hostile'(environ) {
    throw hostile[environ.QUERY_STRING]?.();
  },
  *'/throw-late'(_environ, startResponse) {
    startResponse('200 OK', plain());
    yield bytes('some');
    throw new RangeError('The app has a late fault');
  },
  '/exit'(environ) {
    process.exit(Number(environ.QUERY_STRING));
  },
  *'/exit-late'(_environ, startResponse) {
    startResponse('200 OK', plain());
    yield bytes('some');
    process.exit(3);
  },
  '/uncaught'(_environ, startResponse) {
    setTimeout(() => {
      throw new Error('Thrown by a timer');
    }, 0);
    startResponse('200 OK', plain());
    return [bytes('soon gone')];
  },
  '/ticks'(_environ, startResponse) {
    startResponse('200 OK', plain());
    return [bytes(String(ticks))];
  },
  '/memory'() {
    const kept: number[][] = [];
    for (;;) kept.push(new Array(100_000).fill(1.5));
  },
  '/big-head'(environ, startResponse) {
    startResponse('200 OK', [['X-Big', 'b'.repeat(50_000)]]);
    return [bytes(String(environ['HTTP_X_BIG']?.length))];
  },
  '/write'(_environ, startResponse) {
    const write = startResponse('200 OK', plain());
    write(bytes('one '));
    write(bytes('two '));
    return [bytes('three')];
  },
  '/flush'(environ, startResponse) {
    startResponse('200 OK', plain())(new Uint8Array());
    environ['wsgi.input'].read();
    return [bytes('after')];
  },
  '/promise'() {
    // what an async app looks like from here
    return Promise.resolve([]) as unknown as ResponseBody;
  },
};

/** Things to throw that do not like to be looked at, nor to be cloned. */
export const hostile: Record<string, () => unknown> = {
  message: () => Object.assign(new Error(), { message: { f() {} } }),
  name: () => Object.assign(new Error('named'), { name: Symbol('odd') }),
  stack: () => Object.defineProperty(new Error('unstacked'), 'stack', { get: refuse }),
  cause: () => Object.defineProperty(new Error('uncaused'), 'cause', { get: refuse }),
  property: () => Object.defineProperty(new Error('has one'), 'extra', { get: refuse, enumerable: true }),
  proxy: () => new Proxy(new Error('behind'), { get: refuse, getPrototypeOf: refuse, ownKeys: refuse }),
  text: () => ({ toString: refuse, [Symbol.toPrimitive]: refuse, [inspect.custom]: refuse }),
  bare: () => Object.create(null),
  symbol: () => Symbol('thrown'),
  null: () => null,
};

function refuse(): never {
  throw new Error('Not to be looked at');
}

/** A body without an end, whose close() is told. */
class Forever implements ResponseBody {
  readonly #environ: Environ;

  constructor(environ: Environ) {
    this.#environ = environ;
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, void> {
    const piece = new Uint8Array(32 * 1024);
    for (;;) yield piece;
  }

  close(): void {
    const gone = this.#environ['dualgate.client_disconnected'] as () => boolean; // the server's own
    told.push(`closed, gone ${gone()}`);
  }
}

export function app(environ: Environ, startResponse: StartResponse): ResponseBody {
  const behaviour = behaviours[environ.PATH_INFO];
  if (!behaviour) {
    startResponse('404 Not Found', plain());
    return [bytes('not found')];
  }
  return behaviour(environ, startResponse);
}

export const notAnApp = 42;

export async function asyncApp(): Promise<void> {}

export function factory(given: unknown): typeof app {
  return (_environ, startResponse) => {
    startResponse('200 OK', plain());
    return [bytes(JSON.stringify(given))];
  };
}
