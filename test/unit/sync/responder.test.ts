// One call of an app, played into a sink that keeps everything: the contract of PEP 3333, clause by clause.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, test } from 'vitest';

import { Disconnected } from '../../../src/core/errors.ts';
import { Errors } from '../../../src/sync/error-stream.ts';
import { Input } from '../../../src/sync/input.ts';
import type {
  Environ,
  ResponseBody,
  ResponseHeaders,
  StartResponse,
  StatusLine,
  SyncApp,
  Write,
} from '../../../src/sync/interface.ts';
import { respond, type Sink } from '../../../src/sync/responder.ts';
import { TestCall } from './carrier.ts';

class Recorder implements Sink {
  readonly log: string[] = [];
  status: StatusLine | undefined;
  headers: ResponseHeaders = [];
  body = '';
  gone = false;

  start(status: StatusLine, headers: ResponseHeaders): void {
    this.status = status;
    this.headers = headers;
    this.log.push('start');
  }

  write(chunk: Uint8Array): void {
    this.check();
    this.body += Buffer.from(chunk).toString('latin1');
    this.log.push(`write ${Buffer.from(chunk).toString('latin1')}`);
  }

  end(): void {
    this.log.push('end');
  }

  check(): void {
    if (this.gone) throw new Disconnected();
  }
}

interface Played {
  sink: Recorder;
  errors: string[];
  error: unknown;
}

const b = (text: string): Uint8Array => Buffer.from(text);
const none: SyncApp = (_environ, startResponse) => {
  startResponse('200 OK', []);
  return [];
};

function play(
  app: SyncApp,
  method = 'GET',
  step?: (sink: Recorder) => void,
  sink: Recorder = new Recorder(),
): Played {
  const errors: string[] = [];
  const environ: Environ = {
    ...new TestCall({ method }).environ,
    'wsgi.input': new Input({ next: () => null, ready: true }),
    'wsgi.errors': new Errors((text) => errors.push(text)),
  };
  let error: unknown;
  try {
    for (const _ of respond(app, environ, sink) ?? []) step?.(sink);
  } catch (thrown) {
    error = thrown;
  }
  return { sink, errors, error };
}

describe('startResponse', () => {
  test('[W-56] a bad head is thrown on the line of the app that gave it', () => {
    let stack = '';
    const { error } = play(function faulty(_environ, startResponse) {
      try {
        startResponse('200' as StatusLine, []);
      } catch (thrown) {
        stack = String((thrown as Error).stack);
        throw thrown;
      }
      return [];
    });
    expect(stack).toMatch(/faulty/);
    expect((error as Error).stack).toBe(stack);
  });

  test('a head is a copy: what the app changes later is not sent', () => {
    const headers: ResponseHeaders = [['X', 'one']];
    const { sink } = play((_environ, startResponse) => {
      startResponse('200 OK', headers);
      headers.push(['Y', 'bad\r\n']);
      headers[0] = ['X', 'bad\r\n'];
      return [b('x')];
    });
    expect(sink.headers).toEqual([
      ['X', 'one'],
      ['Content-Length', '1'],
    ]);
    expect(headers).toHaveLength(2);
  });

  test('[W-50] gives write', () => {
    let write: unknown;
    play((environ, startResponse) => {
      write = startResponse('200 OK', []);
      return none(environ, () => write as Write);
    });
    expect(write).toBeTypeOf('function');
  });

  test('[W-57] sends nothing by itself; an empty piece does not either', () => {
    const sink = new Recorder();
    const seen: string[][] = [];
    const app: SyncApp = function* (_environ, startResponse) {
      startResponse('200 OK', []);
      seen.push([...sink.log]);
      yield b('');
      seen.push([...sink.log]);
      yield b('x');
      seen.push([...sink.log]);
    };
    play(app, 'GET', undefined, sink);
    expect(seen).toEqual([[], [], ['start', 'write x']]);
    expect(sink.log).toEqual(['start', 'write x', 'end']);
  });

  test('[W-58] a second call without an error is refused', () => {
    const { error, sink } = play((_environ, startResponse) => {
      startResponse('200 OK', []);
      startResponse('201 Created', []);
      return [];
    });
    expect(error).toMatchObject({ clause: 'W-58' });
    expect(sink.log).toEqual([]);
  });

  test('[W-58] also where the first one threw', () => {
    const { error } = play((_environ, startResponse) => {
      try {
        startResponse('bad' as StatusLine, []);
      } catch {
        // an app that goes on all the same
      }
      startResponse('200 OK', []);
      return [];
    });
    expect(error).toMatchObject({ clause: 'W-58' });
  });

  test('[W-59] with an error it replaces an unsent head, its length too', () => {
    const { sink, error } = play((_environ, startResponse) => {
      startResponse('200 OK', [
        ['Content-Length', '100'],
        ['X', 'old'],
      ]);
      startResponse('500 Oh No', [['Y', 'new']], new Error('why'));
      return [b('sorry')];
    });
    expect(error).toBeUndefined();
    expect([sink.status, sink.headers, sink.body]).toEqual([
      '500 Oh No',
      [
        ['Y', 'new'],
        ['Content-Length', '5'],
      ],
      'sorry',
    ]);
  });

  test('[W-60] with an error it throws that error once the head is sent', () => {
    const why = new Error('why');
    const { error, sink } = play(function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield b('x');
      startResponse('500 Oh No', [], why);
    });
    expect(error).toBe(why);
    expect(sink.log).toEqual(['start', 'write x']);
  });

  test('[W-63] may be called as late as in the first iteration', () => {
    const { sink } = play(function* (_environ, startResponse) {
      startResponse('404 Not Found', [['X', 'y']]);
      yield b('late');
    });
    expect([sink.status, sink.body]).toEqual(['404 Not Found', 'late']);
  });

  test.each<[string, ResponseBody]>([
    ['nothing', []],
    ['a body', [b('x')]],
    [
      'a generator',
      (function* () {
        yield b('');
      })(),
    ],
  ])('[W-64] an app that gives %s without it has failed', (_name, body) => {
    const { error, sink } = play(() => body);
    expect(error).toMatchObject({ clause: 'W-64' });
    expect(sink.log).toEqual([]);
  });

  test('after the answer it says that it is too late', () => {
    let kept: StartResponse | undefined;
    let write: Write | undefined;
    play((_environ, startResponse) => {
      kept = startResponse;
      write = startResponse('200 OK', []);
      return [];
    });
    expect(() => kept?.('200 OK', [], new Error('x'))).toThrow(/after the answer was over \[W-50\]/);
    expect(() => write?.(b('x'))).toThrow(/after the answer was over \[W-70\]/);
  });
});

describe('the body', () => {
  const answer =
    (body: unknown, headers: ResponseHeaders = []): SyncApp =>
    (_environ, startResponse) => {
      startResponse('200 OK', headers);
      return body as ResponseBody; // what an app without types can give
    };

  test('[W-70] write() sends before it returns, and before the iterable', () => {
    const sink = new Recorder();
    const seen: string[] = [];
    const app: SyncApp = (_environ, startResponse) => {
      const write = startResponse('200 OK', []);
      write(b('a'));
      seen.push(...sink.log);
      return [b('b')];
    };
    play(app, 'GET', undefined, sink);
    expect(seen).toEqual(['start', 'write a']);
    expect(sink.log).toEqual(['start', 'write a', 'write b', 'end']);
    expect(sink.headers).toEqual([]);
  });

  test('[W-70] an empty write() sends the head', () => {
    const { sink } = play((_environ, startResponse) => {
      startResponse('200 OK', [])(b(''));
      return [];
    });
    expect(sink.log).toEqual(['start', 'write ', 'end']);
  });

  test.each([['text'], [[1]], [null], [undefined], [new ArrayBuffer(1)], [12]])(
    '[W-70] write(%j) is refused',
    (chunk) => {
      const { error } = play((_environ, startResponse) => {
        startResponse('200 OK', [])(chunk as unknown as Uint8Array);
        return [];
      });
      expect(error).toMatchObject({ clause: 'W-70' });
    },
  );

  test.each<[string, unknown]>([
    ['text', 'text'],
    ['null', null],
    ['undefined', undefined],
    ['a number', 1],
    ['bytes', b('x')],
    ['an object', {}],
    ['an async generator', (async function* () {})()],
    ['text in an array', ['x']],
    [
      'null in a generator',
      (function* () {
        yield null;
      })(),
    ],
  ])('[W-72] an app that returns %s is refused', (_name, body) =>
    expect(play(answer(body)).error).toMatchObject({ clause: 'W-72' }),
  );

  test('[W-72] bytes without an array are refused, also where there are none', () => {
    for (const bytes of [b('x'), new Uint8Array(0)]) {
      expect(play(answer(bytes)).error).toMatchObject({
        clause: 'W-72',
        message: expect.stringMatching(/^The app returned bytes: return them in an array/),
      });
    }
  });

  test('[W-72] a promise is refused by name, and what it rejects with harms nobody', () => {
    const { error } = play(answer(Promise.reject(new Error('unheard'))));
    expect((error as Error).message).toMatch(/^The app returned a promise: it looks like an async app/);
  });

  test('[W-74] nothing of the iterable is touched but its iterator and close', () => {
    const touched: unknown[] = [];
    const body = new Proxy(
      {
        *[Symbol.iterator]() {
          yield b('x');
        },
      },
      {
        get: (target, key) => {
          touched.push(key);
          return Reflect.get(target, key);
        },
      },
    );
    expect(play(answer(body)).sink.body).toBe('x');
    expect(touched).toEqual(['close', Symbol.iterator]);
  });

  test('[W-74] an array with an iterator of its own is iterated by that, once', () => {
    let asked = 0;
    class Lines extends Array<Uint8Array> {
      override *[Symbol.iterator](): ArrayIterator<Uint8Array> {
        asked += 1;
        yield b('mine');
      }
    }
    class Whole extends Recorder {
      whole(_status: StatusLine, _headers: ResponseHeaders, chunk: Uint8Array): void {
        this.body = `whole: ${chunk}`;
      }
    }
    for (const made of [new Recorder(), new Whole()]) {
      asked = 0;
      const { sink, error } = play(answer(Lines.of(b('not this'))), 'GET', undefined, made);
      expect([sink.body, sink.headers, asked, error]).toEqual(['mine', [], 1, undefined]);
    }
  });

  test('[W-75] each piece has left before the next is asked for', () => {
    const order: string[] = [];
    play(
      function* (_environ, startResponse) {
        startResponse('200 OK', []);
        for (const piece of ['a', 'b', 'c']) {
          order.push(`made ${piece}`);
          yield b(piece);
        }
      },
      'GET',
      (sink) => order.push(String(sink.log.at(-1))),
    );
    expect(order).toEqual(['made a', 'write a', 'made b', 'write b', 'made c', 'write c']);
  });

  test.each<[string, Uint8Array[], string]>([
    ['one piece', [b('abc')], '3'],
    ['none', [], '0'],
    ['three', [b('a'), b(''), b('bc')], '3'],
  ])('[W-76] an array of %s has a Content-Length', (_name, body, length) =>
    expect(play(answer(body)).sink.headers).toEqual([['Content-Length', length]]),
  );

  test('[W-76] a generator has none, nor has what was written before', () => {
    expect(
      play(
        answer(
          (function* () {
            yield b('x');
          })(),
        ),
      ).sink.headers,
    ).toEqual([]);
    const { sink } = play((_environ, startResponse) => {
      startResponse('200 OK', [])(b('x'));
      return [b('y')];
    });
    expect(sink.headers).toEqual([]);
  });

  test('[W-78] an empty iterable sends the head', () => {
    const { sink } = play(answer((function* () {})()));
    expect(sink.log).toEqual(['start', 'end']);
  });

  test('[W-79] no byte beyond the Content-Length leaves, and iteration stops there', () => {
    let asked = 0;
    const body = function* (): Generator<Uint8Array> {
      for (const piece of ['abc', 'defg', 'h']) {
        asked += 1;
        yield b(piece);
      }
    };
    const { sink, errors, error } = play(answer(body(), [['Content-Length', '5']]));
    expect([sink.body, asked, error]).toEqual(['abcde', 2, undefined]);
    expect(errors.join('')).toContain('[W-79]');
  });

  test('[W-79] write() past it throws, and sends none of it', () => {
    const { error, sink } = play((_environ, startResponse) => {
      const write = startResponse('200 OK', [['Content-Length', '3']]);
      write(b('ab'));
      write(b('cd'));
      return [];
    });
    expect(error).toMatchObject({ clause: 'W-79' });
    expect(sink.body).toBe('ab');
  });

  test('[W-80] too few bytes are an error, and no end', () => {
    const { error, sink } = play(answer([b('ab')], [['Content-Length', '3']]));
    expect(error).toMatchObject({ clause: 'W-80' });
    expect(sink.log).toEqual(['start', 'write ab']);
    expect(play(answer([], [['Content-Length', '3']])).sink.log).toEqual([]);
  });

  test('[W-85] HEAD, 204 and 304 send no byte, and take any Content-Length', () => {
    expect(play(answer([b('abc')]), 'HEAD').sink).toMatchObject({
      log: ['start', 'end'],
      headers: [['Content-Length', '3']],
    });
    expect(play(answer([], [['Content-Length', '9']]), 'HEAD').sink.log).toEqual(['start', 'end']);
    for (const status of ['204 No Content', '304 Not Modified'] as const) {
      const { sink, error } = play((_environ, startResponse) => {
        startResponse(status, []);
        return [b('abc')];
      });
      expect([sink.log, sink.headers, error]).toEqual([['start', 'end'], [], undefined]);
    }
  });
});

describe('close', () => {
  class Closing implements ResponseBody {
    closed = 0;
    returned = 0;
    readonly #pieces: () => Generator<Uint8Array>;
    constructor(pieces: () => Generator<Uint8Array>) {
      this.#pieces = pieces;
    }
    *[Symbol.iterator](): Generator<Uint8Array> {
      try {
        yield* this.#pieces();
      } finally {
        this.returned += 1;
      }
    }
    close(): void {
      this.closed += 1;
    }
  }
  const endless = function* (): Generator<Uint8Array> {
    for (;;) yield b('x');
  };

  test.each<[string, () => Generator<Uint8Array>, ResponseHeaders, boolean, RegExp | undefined]>([
    [
      'at the end',
      function* () {
        yield b('x');
      },
      [],
      false,
      undefined,
    ],
    [
      'where the app throws',
      function* () {
        yield b('x');
        throw new Error('fault');
      },
      [],
      false,
      /fault/,
    ],
    ['where the client has gone', endless, [], true, /client is gone/],
    ['where the length is reached', endless, [['Content-Length', '2']], false, undefined],
    [
      'where a piece is refused',
      function* () {
        yield 'x' as unknown as Uint8Array;
      },
      [],
      false,
      /W-72/,
    ],
    [
      'where bytes are missing',
      function* () {
        yield b('x');
      },
      [['Content-Length', '2']],
      false,
      /W-80/,
    ],
  ])('[W-77] is called once %s, and the generator is ended', (_name, pieces, headers, gone, fault) => {
    const body = new Closing(pieces);
    const { error } = play(
      (_environ, startResponse) => {
        startResponse('200 OK', headers);
        return body;
      },
      'GET',
      (sink) => {
        sink.gone = gone;
      },
    );
    expect([body.closed, body.returned]).toEqual([1, 1]);
    if (fault) expect(String(error)).toMatch(fault);
    else expect(error).toBeUndefined();
  });

  test('[W-84] a driver that gives up closes it', () => {
    const body = new Closing(endless);
    const app: SyncApp = (_environ, startResponse) => {
      startResponse('200 OK', []);
      return body;
    };
    const environ: Environ = {
      ...new TestCall().environ,
      'wsgi.input': new Input({ next: () => null, ready: true }),
      'wsgi.errors': new Errors(() => {}),
    };
    const call = respond(app, environ, new Recorder());
    call?.next();
    call?.return();
    expect([body.closed, body.returned]).toEqual([1, 1]);
  });

  test('[W-83] an error of the app wins over one of close(), which goes to wsgi.errors', () => {
    const { error, errors } = play((_environ, startResponse) => {
      startResponse('200 OK', []);
      return {
        [Symbol.iterator]() {
          throw new Error('first');
        },
        close() {
          throw new Error('second');
        },
      };
    });
    expect((error as Error).message).toBe('first');
    expect(errors.join('')).toContain('second');
  });

  test('an error of close() alone is thrown, after the end', () => {
    const { error, sink } = play((_environ, startResponse) => {
      startResponse('200 OK', []);
      const body: ResponseBody = [];
      body.close = () => {
        throw new Error('closing');
      };
      return body;
    });
    expect((error as Error).message).toBe('closing');
    expect(sink.log).toEqual(['start', 'end']);
  });
});

test('[W-01] an app is called often; [W-02] with two arguments', () => {
  const counts: number[] = [];
  const app: SyncApp = (...given: Parameters<SyncApp>) => {
    counts.push(given.length);
    return none(...given);
  };
  for (let round = 0; round < 3; round++) expect(play(app).sink.log).toEqual(['start', 'end']);
  expect(counts).toEqual([2, 2, 2]);
});

test('[W-61] the server keeps no reference to an error that startResponse was given', async () => {
  const kept: WeakRef<Error>[] = [];
  const made = (text: string): Error => {
    const error = new Error(text);
    kept.push(new WeakRef(error));
    return error;
  };
  const app: SyncApp = function* (_environ, startResponse) {
    startResponse('200 OK', []);
    startResponse('500 Early', [], made('replaces the head'));
    yield b('x');
    try {
      startResponse('500 Late', [], made('comes back'));
    } catch {
      // what an app may not do; the error is nobody's now
    }
    yield b('y');
  };
  const environ: Environ = {
    ...new TestCall().environ,
    'wsgi.input': new Input({ next: () => null, ready: true }),
    'wsgi.errors': new Errors(() => {}),
  };
  const call = respond(app, environ, new Recorder());
  call?.next();
  call?.next();
  expect(kept).toHaveLength(2);
  for (let round = 0; round < 20 && kept.some((each) => each.deref()); round++) {
    await setImmediate();
    gc();
  }
  expect(kept.map((each) => each.deref())).toEqual([undefined, undefined]);
  expect(call?.next().done).toBe(true);
});

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void; // V8 gives it once it is exposed
