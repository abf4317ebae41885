// What a server gives besides the contract's own: keys, extensions, and what it does with an iterable that looks back.
import type { AsyncApp } from '../../../src/async/interface.ts';
import { isByteString } from '../../../src/core/bytes.ts';
import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { block, note } from '../../support/report.ts';
import { type Asked, askedOf, bytesOf, encode, json, plain } from './asked.ts';

type Mode = (environ: Environ, startResponse: StartResponse, asked: Asked) => ResponseBody;

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const asked = askedOf(environ);
  return modes[asked.mode]?.(environ, startResponse, asked) ?? [];
};

const modes: Readonly<Record<string, Mode>> = {
  /** Each key and the type of its value; `octets` for a string that is one of octets. */
  keys(environ, startResponse) {
    const types = Object.entries(environ).map(([key, value]) => [key, typeOf(value)]);
    startResponse('200 OK', [...json]);
    return [
      encode({ types: Object.fromEntries(types), symbols: Object.getOwnPropertySymbols(environ).length }),
    ];
  },
  /** Asks nothing of the client, and waits until it has gone. */
  gone(environ, startResponse, { report }) {
    const gone = environ['dualgate.client_disconnected'] as () => boolean; // the server documents it so
    const before = gone();
    note(report, 'waiting');
    const deadline = performance.now() + 5000;
    while (!gone() && performance.now() < deadline) block(2);
    note(report, 'seen', { before, after: gone() });
    startResponse('200 OK', [...plain]);
    return [];
  },
  id(environ, startResponse) {
    environ['wsgi.errors'].write('this is the request\n');
    startResponse('200 OK', [...plain]);
    return [bytesOf(String(environ['dualgate.request_id']))];
  },
  /** Says when it is inside, and when it has left. */
  alone(environ, startResponse, { report }) {
    note(report, 'in');
    block(30);
    note(report, 'out');
    startResponse('200 OK', [...plain]);
    return [bytesOf(`${environ['dualgate.lane']} ${environ['wsgi.multithread']}`)];
  },
  /** An iterable that notes whatever is looked at. */
  touched(_environ, startResponse, { report }) {
    startResponse('200 OK', [...plain]);
    const body = {
      *[Symbol.iterator]() {
        yield bytesOf('one,');
        yield bytesOf('two');
      },
      close: () => note(report, 'closed'),
      length: 1,
      fileno: () => 0,
    };
    return new Proxy(body, {
      get(target, key) {
        note(report, 'got', { key: String(key) });
        return Reflect.get(target, key);
      },
    });
  },
};

function typeOf(value: unknown): string {
  return typeof value === 'string' && isByteString(value) ? 'octets' : typeof value;
}

/** The async contract has other words for all of this. */
export const async: AsyncApp = async () => {
  throw new Error('This app is a sync one only');
};
