// One app of many ways to be stuck, to print and to wear out, for the tests of the pool: the path says which.
import { execSync } from 'node:child_process';
import { pbkdf2Sync, randomUUID } from 'node:crypto';
import process from 'node:process';

import { threadData } from '../../../../src/core/spawn.ts';
import type { Environ, ResponseBody, StartResponse } from '../../../../src/sync/interface.ts';
import { sleep } from '../../../../src/sync/sleep.ts';
import type { ThreadData } from '../../../../src/sync/threads/messages.ts';
import { Slots } from '../../../../src/sync/threads/slots.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
/** Which copy of this module it is: each thread has one. */
const self = randomUUID();
const kept: unknown[] = [];
const told: string[] = [];
let ticks = 0;
setInterval(() => {
  ticks += 1;
}, 5);
let settled = 0;

type Behaviour = (environ: Environ, startResponse: StartResponse) => ResponseBody;

const behaviours: Record<string, Behaviour> = {
  '/self': () => [bytes(self)],
  '/lane': (environ) => [bytes(String(environ['dualgate.lane']))],
  '/sleep'(environ) {
    sleep(Number(environ.QUERY_STRING));
    return [bytes(self)];
  },
  '/loop'() {
    for (;;);
  },
  '/wait'() {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return [];
  },
  '/regex'() {
    return [bytes(String(/^(a+)+$/.test(`${'a'.repeat(60)}b`)))];
  },
  '/exec'(environ) {
    execSync(`sleep ${environ.QUERY_STRING}`);
    return [bytes('late')];
  },
  '/pbkdf2'(environ) {
    pbkdf2Sync('a', 'b', Number(environ.QUERY_STRING), 64, 'sha512');
    return [bytes('late')];
  },
  *'/loop-late'() {
    yield bytes('some');
    for (;;);
  },
  '/loop-in-close': () => new LoopInClose(),
  '/read'(environ) {
    environ['wsgi.input'].read();
    return [bytes('read')];
  },
  '/read-or-say'(environ) {
    try {
      environ['wsgi.input'].read();
    } catch (error) {
      return [bytes(`caught: ${(error as Error).message}`)];
    }
    return [bytes('read')];
  },
  *'/flood'() {
    try {
      for (;;) yield new Uint8Array(16 * 1024);
    } finally {
      told.push('the flood was closed');
    }
  },
  *'/ticking'(environ) {
    for (let left = Number(environ.QUERY_STRING); left > 0; left--) {
      yield bytes('tick ');
      sleep(100);
    }
  },
  *'/empty'() {
    for (;;) {
      yield new Uint8Array();
      sleep(10);
    }
  },
  *'/uptake'(environ) {
    const input = environ['wsgi.input'];
    while (input.read(32_768).length > 0) sleep(100);
    yield bytes('all taken');
  },
  '/told': () => [bytes(told.splice(0).join(', '))],
  '/keep'(environ) {
    kept.push(Buffer.alloc(Number(environ.QUERY_STRING), 1));
    return [bytes(self)];
  },
  '/ticks'() {
    Promise.resolve().then(() => {
      settled += 1;
    });
    return [bytes(`${ticks} ${settled}`)];
  },
  '/print'() {
    console.log('a line');
    process.stdout.write('one\ntwo\nthr');
    process.stdout.write('ee\n{"of":"its own"}\n\nno end');
    console.error('an error');
    return [bytes('printed')];
  },
  '/complain'(environ) {
    for (let at = 0; at < 500; at++) environ['wsgi.errors'].write(`complaint ${at}\n`);
    for (;;);
  },
  '/exit'() {
    process.exit(7);
  },
  /** Takes the next call out of the queue, as its thread would, and dies before it could begin it. */
  '/claim-and-die'(environ) {
    const slots = new Slots((threadData() as ThreadData).slots); // hand.ts started this thread with it
    for (let left = Number(environ.QUERY_STRING); left > 0; ) if (slots.claim() >= 0) left--;
    process.exit(7);
  },
  '/die-asleep'() {
    setTimeout(() => process.exit(7), 20);
    return [bytes('soon')];
  },
  '/reject'() {
    void Promise.reject(new Error('Nobody handles it'));
    return [bytes('soon')];
  },
  '/memory'() {
    const all: number[][] = [];
    for (;;) all.push(new Array(100_000).fill(1.5));
  },
};

class LoopInClose implements ResponseBody {
  *[Symbol.iterator](): Generator<Uint8Array, void, void> {
    yield bytes('whole');
  }

  close(): void {
    for (;;);
  }
}

export function app(environ: Environ, startResponse: StartResponse): ResponseBody {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  const behaviour = behaviours[environ.PATH_INFO];
  if (!behaviour) throw new Error(`There is no ${environ.PATH_INFO}`);
  return behaviour(environ, startResponse);
}

/** Loads, and dies a moment later, again and again. */
export function doomed(): typeof app {
  setTimeout(() => {
    throw new Error('Doomed');
  }, 10);
  return app;
}
