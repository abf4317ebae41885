// lint(): each check of wsgiref.validate, Werkzeug's lint and Rack::Lint, and the rules for middleware.
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, test } from 'vitest';

import type {
  Environ,
  ResponseBody,
  ResponseHeaders,
  StartResponse,
  SyncApp,
} from '../../../src/sync/interface.ts';
import { lint } from '../../../src/sync/lint.ts';
import type { LintOptions, Violation } from '../../../src/sync/lint-verdict.ts';
import { type Played, playLint, sound } from './lint-player.ts';

const source = readFileSync(new URL(import.meta.url), 'utf8');
const b = (text: string): Uint8Array => Buffer.from(text);
const type: [string, string] = ['Content-Type', 'text/plain'];

/** What an app without types may do: each argument is what the contract would refuse. */
type Loose = (
  environ: Record<string, unknown>,
  startResponse: (...args: unknown[]) => (...args: unknown[]) => void,
) => unknown;

function play(
  app: Loose,
  change?: (environ: Record<string, unknown>) => void,
  options?: LintOptions,
): Played {
  return playLint(app as unknown as SyncApp, change, options);
}

type EnvironCase = [title: string, change: (environ: Record<string, unknown>) => void];

/** An app that answers well, whatever its environ is. */
const fine: Loose = (_environ, startResponse) => {
  startResponse('200 OK', [type]);
  return [b('fine')];
};

/** An app that answers well, and then returns what it likes. */
const returning =
  (value: unknown): Loose =>
  (_environ, startResponse) => {
    startResponse('200 OK', [type]);
    return value;
  };

function clauseOf({ error }: Played): string | undefined {
  return (error as Violation | undefined)?.clause;
}

test('a sound app on a sound server: nothing is said, and its answer is the same', () => {
  const played = play(fine);
  expect(played).toMatchObject({ error: undefined, warnings: [], status: '200 OK', body: 'fine' });
  expect(played.headers).toEqual([type]);
});

test('a violation names the clause, the value, and the line of the app', () => {
  const { error } = play((_environ, startResponse) => {
    startResponse('OK', [type]);
    return [];
  });
  expect((error as Violation).message).toMatch(
    /^The status is "OK": write three digits.* \(test\/unit\/sync\/lint\.test\.ts:\d+:\d+\) \[V-18\]$/,
  );
  expect((error as Violation).stack).toMatch(/\[V-18\]\n {4}at .*lint\.test\.ts/);
  const line = Number((error as Violation).place?.split(':')[1]);
  expect(textOf(line)).toContain("startResponse('OK'");
});

test('what is off the stack by then has the last line of the app that was seen', () => {
  const { error } = play((_environ, startResponse) => {
    startResponse('200 OK', [type]);
    return ['text'];
  });
  expect(textOf(Number((error as Violation).place?.split(':')[1]))).toContain("startResponse('200 OK'");
});

test('report: all is collected, nothing is thrown, and the call goes on', () => {
  const found: Violation[] = [];
  const report = (violation: Violation): void => void found.push(violation);
  const { error, body } = play(
    (_environ, startResponse) => {
      startResponse('200 OK', [['ETag', 'x']]);
      return [b('done')];
    },
    (environ) => Reflect.deleteProperty(environ, 'QUERY_STRING'),
    { report },
  );
  expect([error, body]).toEqual([undefined, 'done']);
  expect(found.map(({ clause, warning }) => [clause, warning])).toEqual([
    ['V-09', true],
    ['V-22', false],
    ['V-31', true],
  ]);
});

test('warn: warnings go there, and not to wsgi.errors', () => {
  const found: Violation[] = [];
  const { warnings } = play(fine, (environ) => Reflect.deleteProperty(environ, 'QUERY_STRING'), {
    warn: (warning) => found.push(warning),
  });
  expect([warnings, found.map(({ clause }) => clause)]).toEqual([[], ['V-09']]);
});

describe('the call', () => {
  test('[V-01] the app gets two arguments', () => {
    const app = lint(sound) as (...args: unknown[]) => unknown;
    expect(() => app(environ(), () => () => {}, 'more')).toThrow(/more than two arguments.*\[V-01\]/);
    expect(() => app(environ())).toThrow(/fewer than two arguments.*\[V-01\]/);
  });

  test('[V-02] startResponse gets two or three', () => {
    expect(clauseOf(play((_environ, startResponse) => [startResponse('200 OK')]))).toBe('V-02');
    expect(clauseOf(play((_environ, start) => [start('200 OK', [type], undefined, 1)]))).toBe('V-02');
  });

  test.each([[null], [undefined], [false]])('[V-03] an app that returns %j', (returned) => {
    expect(clauseOf(play(returning(returned)))).toBe('V-03');
  });

  test.each([['text'], [b('bytes')]])('[V-04] an app that returns %j', (returned) => {
    expect(clauseOf(play(returning(returned)))).toBe('V-04');
  });

  test('[W-72] a promise and an async iterable are called by their names', () => {
    const messageOf = (returned: unknown): string => String(play(returning(returned)).error);
    expect(messageOf(Promise.resolve([]))).toContain('a promise: a sync app is no async function');
    expect(messageOf((async function* () {})())).toContain('an async iterable: a sync app gives a plain one');
  });

  test.each([[1], [{}], [Promise.resolve([])]])('[W-72] an app that returns %j', (returned) => {
    expect(clauseOf(play(returning(returned)))).toBe('W-72');
  });

  test('[V-05] write() and the iterable give bytes', () => {
    for (const given of [['text'], [b('x'), 1], []]) {
      const app: Loose = (_environ, startResponse) => {
        startResponse('200 OK', [type])(...given);
        return [];
      };
      expect(clauseOf(play(app))).toBe('V-05');
    }
    expect(clauseOf(play(returning(['text'])))).toBe('V-05');
  });

  test('[W-50] startResponse gives write', () => {
    const app = lint(sound) as (...args: unknown[]) => unknown;
    expect(() => app(environ(), () => undefined)).toThrow(/\[W-50\]/);
    expect(() => app(environ(), 'none')).toThrow(/\[W-50\]/);
  });
});

describe('the environ', () => {
  test.each<EnvironCase>([
    ['[V-06] of a class', (environ) => Object.setPrototypeOf(environ, Map.prototype)],
    ['[V-06] without a prototype', (environ) => Object.setPrototypeOf(environ, null)],
    ...[
      'REQUEST_METHOD',
      'SERVER_NAME',
      'SERVER_PORT',
      'wsgi.version',
      'wsgi.input',
      'wsgi.errors',
      'wsgi.multithread',
      'wsgi.multiprocess',
      'wsgi.run_once',
    ].map((key): EnvironCase => [`[V-07] without ${key}`, without(key)]),
    ['[V-08] with HTTP_CONTENT_TYPE', having('HTTP_CONTENT_TYPE', 'text/plain')],
    ['[V-08] with HTTP_CONTENT_LENGTH', having('HTTP_CONTENT_LENGTH', '1')],
    ['[V-10] with a number', having('SERVER_PORT', 80)],
    ['[V-10] with null', having('REMOTE_USER', null)],
    ['[V-10] with undefined', having('REMOTE_USER', undefined)],
    ['[V-11] with a version that is text', having('wsgi.version', '1.0')],
    ['[V-11] with a version of one number', having('wsgi.version', [1])],
    ['[V-12] with another scheme', having('wsgi.url_scheme', 'ftp')],
    ['[V-14] with a SCRIPT_NAME without a slash', having('SCRIPT_NAME', 'api')],
    ['[V-14] with a PATH_INFO without a slash', having('PATH_INFO', 'api')],
    ['[V-15] with no path at all', (environ) => Object.assign(environ, { SCRIPT_NAME: '', PATH_INFO: '' })],
    [
      '[V-15] with the key of neither',
      (environ) => {
        for (const key of ['SCRIPT_NAME', 'PATH_INFO']) without(key)(environ);
      },
    ],
    ['[V-16] with a SCRIPT_NAME of a slash', having('SCRIPT_NAME', '/')],
    ['[V-17] with a length below 0', having('CONTENT_LENGTH', '-1')],
    ['[V-17] with a length that is no number', having('CONTENT_LENGTH', 'some')],
    ['[V-40] with a whole URL for its path', having('PATH_INFO', 'http://x/')],
    ['[V-41] with "*" for GET', having('PATH_INFO', '*')],
    ['[V-42] with an authority for GET', having('PATH_INFO', 'example.org:443')],
    ['[W-04] with an empty method', having('REQUEST_METHOD', '')],
    ['[W-05] with a SCRIPT_NAME that ends in a slash', having('SCRIPT_NAME', '/api/')],
    ['[W-10] with an empty SERVER_NAME', having('SERVER_NAME', '')],
    ['[W-10] with an empty SERVER_PORT', having('SERVER_PORT', '')],
    ['[W-16] with a flag that is no boolean', having('wsgi.multithread', 1)],
    ['[W-21] with a character beyond U+00FF', having('PATH_INFO', '/\u20ac')],
    ['[W-30] with an input that cannot be read', having('wsgi.input', {})],
    ['[W-31] with errors that cannot be written', having('wsgi.errors', { write() {}, flush() {} })],
  ])('%s', (title, change) => {
    expect(clauseOf(play(fine, change))).toBe(title.slice(1, 5));
  });

  test('[V-06] an environ that is none', () => {
    const app = lint(sound) as (...args: unknown[]) => unknown;
    expect(() => app(null, () => () => {})).toThrow(/\[V-06\]/);
  });

  test('[V-09] without QUERY_STRING: a warning', () => {
    const { error, warnings } = play(fine, without('QUERY_STRING'));
    expect([error, warnings]).toEqual([
      undefined,
      [expect.stringMatching(/^Lint: .*"QUERY_STRING".*\[V-09\]$/)],
    ]);
  });

  test('[V-13] a method that is not known: a warning', () => {
    const { error, warnings } = play(fine, having('REQUEST_METHOD', 'BREW'));
    expect([error, warnings]).toEqual([undefined, [expect.stringMatching(/"BREW".*\[V-13\]$/)]]);
  });

  test('[V-41] "*" for OPTIONS is right, and so is an authority for CONNECT', () => {
    expect(
      play(fine, (e) => Object.assign(e, { PATH_INFO: '*', REQUEST_METHOD: 'OPTIONS' })).error,
    ).toBeUndefined();
    expect(
      play(fine, (e) => Object.assign(e, { PATH_INFO: 'a.example:443', REQUEST_METHOD: 'CONNECT' })).error,
    ).toBeUndefined();
  });
});

describe('the head', () => {
  const answer =
    (status: unknown, headers: unknown, ...more: unknown[]): Loose =>
    (_environ, startResponse) => {
      startResponse(status, headers, ...more);
      return [];
    };

  test.each([[200], [null], ['20 OK'], ['2000 OK'], ['099 Odd'], ['OK'], ['']])(
    '[V-18] the status %j',
    (status) => {
      expect(clauseOf(play(answer(status, [type])))).toBe('V-18');
    },
  );

  test.each([['200'], ['200 '], ['200  OK'], ['200 OK '], ['200-OK'], ['200 O\u0001K']])(
    '[V-18] the status %j: a warning, and the server has its own word',
    (status) => {
      expect(play(answer(status, [type])).warnings[0]).toMatch(/\[V-18\]$/);
    },
  );

  test.each([
    [null],
    [{}],
    ['text'],
    [new Map()],
    [[['X']]],
    [[['X', 'y', 'z']]],
    [[['X', 1]]],
    [[[1, 'x']]],
    [['Xy']],
    [[type, {}]],
  ])('[V-19] the headers %j', (headers) => {
    expect(clauseOf(play(answer('200 OK', headers)))).toBe('V-19');
  });

  test.each([['Status'], ['status'], ['STATUS']])('[V-20] a header %j', (name) => {
    expect(clauseOf(play(answer('200 OK', [type, [name, '200']])))).toBe('V-20');
  });

  test.each([
    ['X Y', 'v'],
    ['X:', 'v'],
    ['', 'v'],
    ['X-', 'v'],
    ['X_', 'v'],
    ['X\n', 'v'],
    ['X', 'a\r\nB: c'],
    ['X', 'a\0'],
    ['X', 'a\u007f'],
  ])('[V-21] the header %j: %j', (name, value) => {
    expect(clauseOf(play(answer('200 OK', [type, [name, value]])))).toBe('V-21');
  });

  test('[W-21] a character beyond U+00FF, on the line of the app', () => {
    for (const app of [answer('200 \u20ac', [type]), answer('200 OK', [type, ['X', '\u20ac']])]) {
      expect(clauseOf(play(app))).toBe('W-21');
    }
  });

  test('[V-22] Content-Type is there, but not on 204 and 304', () => {
    expect(clauseOf(play(answer('200 OK', [])))).toBe('V-22');
    expect(clauseOf(play(answer('204 No Content', [type])))).toBe('V-22');
    expect(clauseOf(play(answer('304 Not Modified', [type])))).toBe('V-22');
    expect(play(answer('204 No Content', [])).error).toBeUndefined();
    expect(play(answer('304 Not Modified', [['ETag', '"x"']])).error).toBeUndefined();
  });

  test.each([['text'], [[Error, new Error('x'), null]], [true]])('[V-23] the error %j', (error) => {
    expect(clauseOf(play(answer('200 OK', [type], error)))).toBe('V-23');
  });

  test('[V-23] an Error, null and nothing are right', () => {
    for (const more of [[new Error('x')], [null], [undefined]]) {
      expect(play(answer('200 OK', [type], ...more)).error).toBeUndefined();
    }
  });

  test.each([['x'], ['w/"x"'], ['W/x'], ['"a"b"']])('[V-31] the ETag %j: a warning', (tag) => {
    expect(play(answer('200 OK', [type, ['ETag', tag]])).warnings).toEqual([
      expect.stringMatching(/\[V-31\]$/),
    ]);
  });

  test('[V-31] a strong and a weak ETag are right', () => {
    for (const tag of ['"x"', 'W/"x"', '""']) {
      expect(play(answer('200 OK', [type, ['ETag', tag]])).warnings).toEqual([]);
    }
  });

  test('[V-32] a 304 with headers about a body: a warning each', () => {
    const headers = [
      ['Content-Encoding', 'gzip'],
      ['ETag', '"x"'],
      ['Content-Language', 'en'],
      ['Content-Location', '/x'],
    ];
    expect(play(answer('304 Not Modified', headers)).warnings).toEqual([
      expect.stringMatching(/"Content-Encoding".*\[V-32\]$/),
      expect.stringMatching(/"Content-Language".*\[V-32\]$/),
    ]);
  });

  test.each([
    ['204 No Content', []],
    ['304 Not Modified', [['ETag', '"x"']]],
  ])('[V-33] a body on %j: a warning', (status, headers) => {
    const app: Loose = (_environ, startResponse) => {
      startResponse(status, headers);
      return [b('body')];
    };
    expect(play(app).warnings).toEqual([expect.stringMatching(/of 4 bytes.*\[V-33\]$/)]);
  });

  test('[V-34] a 204 with a Content-Length: a warning', () => {
    expect(play(answer('204 No Content', [['Content-Length', '0']])).warnings).toEqual([
      expect.stringMatching(/\[V-34\]$/),
    ]);
  });

  test('[V-37] the array was changed after startResponse: a warning, and what was given is sent', () => {
    for (const change of [
      (headers: unknown[][]) => headers.push(['X', 'late']),
      (headers: unknown[][]) => headers.pop(),
      (headers: unknown[][]) => headers[0]?.splice(1, 1, 'text/html'),
    ]) {
      const played = play((_environ, startResponse) => {
        const headers = [[...type]];
        startResponse('200 OK', headers);
        change(headers);
        return [b('x')];
      });
      expect(played.warnings).toEqual([expect.stringMatching(/\[V-37\]$/)]);
    }
  });
});

describe('the streams', () => {
  const reading =
    (read: (input: Record<string, (...args: unknown[]) => unknown>) => unknown): Loose =>
    (environ, startResponse) => {
      read(environ['wsgi.input'] as Record<string, (...args: unknown[]) => unknown>); // as an app without types sees it
      startResponse('200 OK', [type]);
      return [];
    };

  test('[V-24] read gets one size, a whole number', () => {
    expect(clauseOf(play(reading((input) => input['read']?.(1, 2))))).toBe('V-24');
    expect(clauseOf(play(reading((input) => input['read']?.('1'))))).toBe('V-24');
    expect(clauseOf(play(reading((input) => input['readline']?.(1, 2))))).toBe('V-24');
    expect(clauseOf(play(reading((input) => input['readlines']?.(1, 2))))).toBe('V-24');
  });

  test('[V-24] read without a size needs wsgi.input_terminated', () => {
    const read = reading((input) => input['read']?.());
    expect(clauseOf(play(read, without('wsgi.input_terminated')))).toBe('V-24');
    expect(play(read).error).toBeUndefined();
  });

  test('[V-36] readline without a size needs wsgi.input_terminated: a warning', () => {
    const read = reading((input) => input['readline']?.());
    expect(play(read, without('wsgi.input_terminated')).warnings).toEqual([
      expect.stringMatching(/\[V-36\]$/),
    ]);
    expect(play(read).warnings).toEqual([]);
  });

  test.each([['read'], ['readline'], ['readlines'], ['iterator']])('[V-25] %s gives bytes', (method) => {
    const text = {
      read: () => 'text',
      readline: () => 'text',
      readlines: () => ['text'],
      *[Symbol.iterator]() {
        yield 'text';
      },
    };
    const app = reading((input) =>
      method === 'iterator' ? [...(input as unknown as Iterable<unknown>)] : input[method]?.(1),
    );
    expect(clauseOf(play(app, having('wsgi.input', text)))).toBe('V-25');
  });

  test('[V-25] what is read is what was sent', () => {
    const got: unknown[] = [];
    const app = reading((input) =>
      got.push(input['read']?.(2), input['readline']?.(), input['readlines']?.()),
    );
    expect(play(app, undefined).error).toBeUndefined();
    expect(got.flat().map(String)).toEqual(['on', 'e\n', 'two\n', 'three']);
  });

  test.each([['wsgi.input'], ['wsgi.errors']])('[V-26] %s is not closed', (key) => {
    const app: Loose = (environ) => [(environ[key] as { close(): void }).close()];
    expect(clauseOf(play(app))).toBe('V-26');
  });

  test('[V-27] wsgi.errors takes text', () => {
    const app =
      (use: (errors: { write(text: unknown): void; writelines(lines: unknown[]): void }) => void): Loose =>
      (environ, startResponse) => {
        use(environ['wsgi.errors'] as { write(text: unknown): void; writelines(lines: unknown[]): void });
        return fine(environ, startResponse);
      };
    expect(clauseOf(play(app((errors) => errors.write(b('x')))))).toBe('V-27');
    expect(clauseOf(play(app((errors) => errors.writelines(['x', 1]))))).toBe('V-27');
    expect(play(app((errors) => errors.writelines(['x\n', 'y\n']))).warnings).toEqual(['x', 'y']);
  });

  test.each([
    [{}],
    [[['X Y', 'v']]],
    [[['Link']]],
    [[['Link', 'a\n']]],
    [[['Link', '\u20ac']]],
    [[['Status', '103']]],
  ])('[V-45] wsgi.early_hints(%j)', (headers) => {
    const sent: unknown[] = [];
    const app: Loose = (environ, startResponse) => {
      (environ['wsgi.early_hints'] as (headers: unknown) => void)(headers);
      return fine(environ, startResponse);
    };
    expect(
      clauseOf(
        play(
          app,
          having('wsgi.early_hints', (given: unknown) => sent.push(given)),
        ),
      ),
    ).toBe('V-45');
    expect(sent).toEqual([]);
  });

  test('[V-45] good ones go through', () => {
    const sent: unknown[] = [];
    const app: Loose = (environ, startResponse) => {
      (environ['wsgi.early_hints'] as (headers: unknown) => void)([['Link', '</x.css>; rel=preload']]);
      return fine(environ, startResponse);
    };
    expect(
      play(
        app,
        having('wsgi.early_hints', (given: unknown) => sent.push(given)),
      ).error,
    ).toBeUndefined();
    expect(sent).toEqual([[['Link', '</x.css>; rel=preload']]]);
  });
});

describe('the iterable', () => {
  /** What a server has in its hands. */
  const body = (app: Loose = fine): ResponseBody =>
    lint(app as unknown as SyncApp)(environ(), () => () => {});

  test('[V-28] is not read after its close', () => {
    const given = body();
    const pieces = given[Symbol.iterator]();
    given.close?.();
    expect(() => pieces.next()).toThrow(/\[V-28\]/);
  });

  test('[V-29] startResponse comes before the first piece that is not empty', () => {
    expect(clauseOf(play(() => [b('x')]))).toBe('V-29');
    const late: Loose = function* (_environ, startResponse) {
      yield b('');
      startResponse('200 OK', [type]);
      yield b('x');
    };
    expect(play(late)).toMatchObject({ error: undefined, body: 'x' });
  });

  test('[V-30] is closed before it is forgotten: a warning', async () => {
    const found: string[] = [];
    const drop = (): void => {
      lint(sound, { report: ({ clause, message }) => found.push(`${clause} ${message}`) })(
        environ(),
        () => () => {},
      );
    };
    const keep = (): void => {
      const given = lint(sound, { report: ({ message }) => found.push(`closed: ${message}`) })(
        environ(),
        () => () => {},
      );
      given.close?.();
    };
    keep();
    drop();
    for (let round = 0; round < 50 && found.length === 0; round++) await collected();
    expect(found).toEqual([
      expect.stringMatching(/^V-30 An iterable was forgotten.*lint-player\.ts:\d+:\d+\)/),
    ]);
  });

  test('[V-35] has as many bytes as its Content-Length says: a warning', () => {
    const app =
      (...pieces: string[]): Loose =>
      (_environ, startResponse) => {
        startResponse('200 OK', [type, ['Content-Length', '3']]);
        return pieces.map(b);
      };
    expect(play(app('ab', 'cd')).warnings.join()).toMatch(/has 4 bytes.*\[V-35\]/);
    expect(play(app('ab')).warnings.join()).toMatch(/has 2 bytes.*\[V-35\]/);
    expect(play(app('ab', 'c')).warnings).toEqual([]);
    expect(play(app(), having('REQUEST_METHOD', 'HEAD')).warnings).toEqual([]);
  });

  test('[V-43] is closed once', () => {
    const given = body();
    given.close?.();
    expect(() => given.close?.()).toThrow(/\[V-43\]/);
  });

  test('[V-43] where it is only reported, the app does not hear of the second time', () => {
    const found: string[] = [];
    let closed = 0;
    const close = (): void => {
      closed += 1;
    };
    const app: SyncApp = (_environ, startResponse) => {
      startResponse('200 OK', [type]);
      return { [Symbol.iterator]: () => [b('x')].values(), close };
    };
    const given = lint(app, { report: ({ clause }) => found.push(clause) })(environ(), () => () => {});
    given.close?.();
    given.close?.();
    expect([closed, found]).toEqual([1, ['V-43']]);
  });

  test('[V-44] is iterated once', () => {
    const given = body();
    expect([...given].map(String)).toEqual(['fine']);
    expect(() => [...given]).toThrow(/\[V-44\]/);
  });

  test('[W-77] close() of the app runs once, whatever its iterable did', () => {
    let closed = 0;
    const app: Loose = (_environ, startResponse) => {
      startResponse('200 OK', [type]);
      return {
        *[Symbol.iterator]() {
          yield b('x');
          throw new Error('fault');
        },
        close: () => {
          closed += 1;
        },
      };
    };
    expect(play(app).error).toMatchObject({ message: 'fault' });
    expect(closed).toBe(1);
  });

  test('[W-73] write() is not called from inside', () => {
    const app: Loose = function* (_environ, startResponse) {
      startResponse('200 OK', [type])(b('x'));
      yield b('y');
    };
    expect(clauseOf(play(app))).toBe('W-73');
    const before: Loose = (_environ, startResponse) => {
      startResponse('200 OK', [type])(b('x'));
      return [b('y')];
    };
    expect(play(before)).toMatchObject({ error: undefined, body: 'xy' });
  });

  test('[W-61] an app that catches what startResponse throws for its error: a warning', () => {
    const late = (swallow: boolean): Loose =>
      function* (_environ, startResponse) {
        startResponse('200 OK', [type]);
        yield b('x');
        try {
          startResponse('500 Late', [type], new Error('mine'));
        } catch (error) {
          if (!swallow) throw error;
        }
        yield b('y');
      };
    expect(play(late(true)).warnings).toEqual([expect.stringMatching(/\[W-61\]$/)]);
    expect(play(late(false))).toMatchObject({ warnings: [], error: { message: 'mine' } });
  });
});

describe('middleware', () => {
  type Layer = (app: SyncApp) => SyncApp;
  const inside: SyncApp = function* (_environ, startResponse) {
    startResponse('200 OK', [type]);
    for (const piece of ['a', 'b', 'c']) yield b(piece);
  };
  /** lint around the layer, and around the app in it. */
  const chain = (layer: Layer, app: SyncApp = inside): Played => playLint(layer(lint(app)));

  test('[W-96] three layers under lint pass everything on', () => {
    const upper: Layer = (app) => (environ, startResponse) => {
      const given = app({ ...environ, 'layer.seen': true }, startResponse);
      return {
        *[Symbol.iterator]() {
          for (const piece of given) yield b(String(piece).toUpperCase());
        },
        close: () => given.close?.(),
      };
    };
    const same: Layer = (app) => (environ, startResponse) => app(environ, startResponse);
    const layered = lint(same(lint(upper(lint(same(lint(inside)))))));
    expect(playLint(layered)).toMatchObject({ error: undefined, warnings: [], body: 'ABC' });
  });

  test('[W-96] lint around lint is such a layer', () => {
    expect(playLint(lint(lint(inside)))).toMatchObject({ error: undefined, warnings: [], body: 'abc' });
  });

  test('[W-95] a layer that takes several pieces and gives one', () => {
    const joining: Layer = (app) => (environ, startResponse) => {
      const given = app(environ, startResponse);
      return {
        *[Symbol.iterator]() {
          yield Buffer.concat([...given]);
        },
        close: () => given.close?.(),
      };
    };
    const { error } = chain(joining);
    expect(error).toMatchObject({ clause: 'W-95' });
    expect(chain(joining, (environ, start) => sound(environ, start)).error).toBeUndefined();
  });

  test('[W-95] a layer that joins them and gives an empty piece meanwhile is right', () => {
    const patient: Layer = (app) => (environ, startResponse) => {
      const given = app(environ, startResponse);
      return {
        *[Symbol.iterator]() {
          const kept: Uint8Array[] = [];
          for (const piece of given) {
            kept.push(piece);
            yield b('');
          }
          yield Buffer.concat(kept);
        },
        close: () => given.close?.(),
      };
    };
    expect(chain(patient)).toMatchObject({ error: undefined, body: 'abc' });
  });

  test('[W-96] a layer that takes a piece before it returns', () => {
    const eager: Layer = (app) => (environ, startResponse) => {
      const given = app(environ, startResponse);
      const pieces = [...given];
      given.close?.();
      return pieces;
    };
    expect(chain(eager).error).toMatchObject({ clause: 'W-96' });
  });

  test('[W-96] a layer that forgets close()', () => {
    const forgetful: Layer = (app) =>
      function* (environ, startResponse) {
        yield* app(environ, startResponse);
      };
    expect(chain(forgetful).error).toMatchObject({ clause: 'W-96' });
  });

  test('[W-96] a layer that writes what came by the iterable', () => {
    const writing: Layer = (app) => (environ, startResponse) => {
      let write: ReturnType<StartResponse> | undefined;
      const given = app(environ, (...args) => {
        write = startResponse(...args);
        return write;
      });
      write?.(b('<'));
      return given;
    };
    const eagerly: SyncApp = (environ, startResponse) => sound(environ, startResponse);
    expect(chain(writing, eagerly).error).toMatchObject({ clause: 'W-96' });
    const own: SyncApp = (_environ, startResponse) => {
      startResponse('200 OK', [type])(b('x'));
      return [];
    };
    const passing: Layer = (app) => (environ, startResponse) =>
      app(environ, (...args) => {
        const write = startResponse(...args);
        return (chunk) => write(b(`<${String(chunk)}>`));
      });
    expect(chain(passing, own)).toMatchObject({ error: undefined, body: '<x>' });
  });

  test('[W-96] an app that calls another one for something of its own is no middleware', () => {
    const asking: SyncApp = (_environ, startResponse) => {
      const pieces = lint(inside)(environ(), () => () => {});
      const text = [...pieces].map(String).join('');
      pieces.close?.();
      startResponse('200 OK', [type] as ResponseHeaders);
      return [b(text)];
    };
    expect(playLint(asking)).toMatchObject({ error: undefined, body: 'abc' });
  });
});

function environ(): Environ {
  let seen: Environ | undefined;
  playLint((given, startResponse) => {
    seen = { ...given };
    return sound(given, startResponse);
  });
  if (!seen) throw new Error('The app was not called');
  return seen;
}

function having(key: string, value: unknown): (environ: Record<string, unknown>) => void {
  return (environ) => {
    environ[key] = value;
  };
}

function without(key: string): (environ: Record<string, unknown>) => void {
  return (environ) => {
    Reflect.deleteProperty(environ, key);
  };
}

/** A line of this very file. */
function textOf(line: number): string {
  return source.split('\n')[line - 1] ?? '';
}

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void; // V8 gives it once it is exposed

/** Finalizers run in a turn of their own. */
async function collected(): Promise<void> {
  gc();
  await setImmediate();
}
