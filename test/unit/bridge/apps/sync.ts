// A sync app of many behaviours, one a path, for the tests of the bridge that carries it.
import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../../../src/sync/interface.ts';
import { sleep } from '../../../../src/sync/sleep.ts';

type Behaviour = (environ: Environ, startResponse: StartResponse) => ResponseBody;

/** What happened in this thread: asked for by `/marks`. */
const marks: string[] = [];
const bytes = (text: string): Uint8Array => Buffer.from(text);
const plain: [string, string][] = [['Content-Type', 'text/plain']];

/** A body that marks its close(). */
function closing(name: string, pieces: Iterable<Uint8Array>): ResponseBody {
  return {
    [Symbol.iterator]: () => pieces[Symbol.iterator](),
    close: () => void marks.push(`${name} closed`),
  };
}

const behaviours: Record<string, Behaviour> = {
  '/hello'(_environ, startResponse) {
    startResponse('200 OK', plain);
    return [bytes('hello')];
  },
  '/environ'(environ, startResponse) {
    startResponse('200 OK', plain);
    return [bytes(JSON.stringify(environ, (_, value) => (typeof value === 'function' ? 'function' : value)))];
  },
  '/empty'(_environ, startResponse) {
    startResponse('204 No Content', [['X-Head', 'there']]);
    return [];
  },
  '/closes'(_environ, startResponse) {
    startResponse('200 OK', plain);
    return closing('closes', [bytes('one'), bytes('two')]);
  },
  '/excuse'(_environ, startResponse) {
    startResponse('200 OK', plain);
    startResponse('500 Oh No', plain, new Error('excuse'));
    return [bytes('excused')];
  },
  '/twice'(_environ, startResponse) {
    startResponse('200 OK', plain);
    startResponse('201 Created', plain);
    return [];
  },
  '/write'(_environ, startResponse) {
    const write = startResponse('200 OK', plain);
    write(bytes('written '));
    return [bytes('returned')];
  },
  '/echo'(environ, startResponse) {
    startResponse('200 OK', plain);
    return [environ['wsgi.input'].read()];
  },
  *'/stream'(environ, startResponse) {
    startResponse('200 OK', plain);
    for (let read = environ['wsgi.input'].read(4); read.length > 0; read = environ['wsgi.input'].read(4))
      yield read;
  },
  '/upload'(environ, startResponse) {
    try {
      environ['wsgi.input'].read();
    } catch (error) {
      marks.push(`upload ${(error as Error).name}`);
      throw error;
    }
    startResponse('200 OK', plain);
    return [];
  },
  '/readline'(environ, startResponse) {
    startResponse('200 OK', plain);
    return [environ['wsgi.input'].readline(100)];
  },
  '/clamped'(_environ, startResponse) {
    startResponse('200 OK', [['Content-Length', '3']]);
    return [bytes('123456789')];
  },
  '/hop'(_environ, startResponse) {
    startResponse('200 OK', [['Connection', 'close']]);
    return [];
  },
  '/crlf'(_environ, startResponse) {
    startResponse('200 OK', [['X-Bad', 'a\r\nb: c']]);
    return [];
  },
  '/latin1'(_environ, startResponse) {
    startResponse('200 OK', [['X-Name', 'caf\u00e9']]);
    return [];
  },
  '/counted'(_environ, startResponse) {
    startResponse('200 OK', plain);
    const pieces = function* (): Generator<Uint8Array> {
      let sent = 0;
      try {
        for (; sent < 2000; sent++) yield new Uint8Array(16 * 1024);
      } finally {
        marks.push(`counted ${sent}`);
      }
    };
    return closing('counted', pieces());
  },
  '/sleeps'(_environ, startResponse) {
    sleep(100);
    startResponse('200 OK', plain);
    return [bytes('slept')];
  },
  '/throws'() {
    throw new RangeError('out of it');
  },
  *'/throws-late'(_environ, startResponse) {
    startResponse('200 OK', plain);
    yield bytes('some');
    throw new RangeError('too late');
  },
  '/throws-closing'(_environ, startResponse) {
    startResponse('200 OK', plain);
    const close = (): void => {
      throw new RangeError('in close');
    };
    return { *[Symbol.iterator]() { yield bytes('fine'); }, close }; // biome-ignore format: one line
  },
  *'/stuck'(_environ, startResponse) {
    startResponse('200 OK', plain);
    yield bytes('stuck');
    sleep(60_000);
  },
  *'/waits'(environ, startResponse) {
    startResponse('200 OK', plain);
    yield bytes('waiting');
    const gone = environ['dualgate.client_disconnected'];
    if (typeof gone !== 'function') throw new Error('no client_disconnected');
    for (let i = 0; i < 500; i++) {
      if (gone() === true) return void marks.push('waits gone');
      yield new Uint8Array();
      sleep(10);
    }
  },
  /** One letter a step: what the app does is its caller's choice. */
  '/script'(environ, startResponse) {
    const input = environ['wsgi.input'];
    let write: ReturnType<StartResponse> | undefined;
    const run = function* (steps: string): Generator<Uint8Array> {
      for (const step of steps) {
        if (step === 'r') input.read(7);
        if (step === 'R') input.read();
        if (step === 's') write = startResponse('200 OK', plain);
        if (step === 'x') write = startResponse('200 OK', plain, new Error('excuse'));
        if (step === 'w') write?.(bytes('written'));
        if (step === 'b') yield bytes('small');
        if (step === 'B') yield new Uint8Array(200_000);
        if (step === 'z') yield new Uint8Array();
        if (step === 'p') sleep(2);
        if (step === 't') throw new Error('as the script says');
      }
    };
    const [now = '', later = ''] = environ.QUERY_STRING.split(',');
    for (const _ of run(now)); // what it gives here goes nowhere
    return run(later);
  },
  '/marks'({ QUERY_STRING: query }, startResponse) {
    startResponse('200 OK', plain);
    return [bytes(marks.filter((mark) => mark.startsWith(query)).join('\n'))];
  },
};

export const app: SyncApp = (environ, startResponse) => {
  const behaviour = behaviours[environ.PATH_INFO];
  if (behaviour) return behaviour(environ, startResponse);
  startResponse('404 Not Found', plain);
  return [bytes('not found')];
};
