// What the tests of CGI look at: the environ, the body, output in pieces, faults and what is printed.
import { appendFileSync } from 'node:fs';

import type { Environ, ResponseBody, StartResponse } from '../../../src/sync/interface.ts';

const plain: [string, string][] = [['Content-Type', 'text/plain']];

export function app(environ: Environ, startResponse: StartResponse): ResponseBody {
  switch (environ.PATH_INFO) {
    case '/echo': {
      const body = environ['wsgi.input'].read();
      startResponse('201 Created Here', [...plain, ['Set-Cookie', 'a'], ['Set-Cookie', 'b\u00e9']]);
      return [body, environ['wsgi.input'].read()];
    }
    case '/throw':
      startResponse('200 OK', [...plain]);
      throw new Error('fault before the head');
    case '/late':
      return late(startResponse);
    case '/print':
      console.log('printed');
      process.stdout.write('printed too\n');
      environ['wsgi.errors'].write('an error line\n');
      startResponse('200 OK', [...plain]);
      return [Buffer.from('clean')];
    case '/endless':
      return endless(environ, startResponse);
    case '/big':
      startResponse('200 OK', [...plain]);
      return environ['wsgi.file_wrapper']?.({ read: blocks(8 * 1024) }, 1024) ?? [];
    case '/none':
      startResponse('204 No Content', []);
      return [];
    default:
      startResponse('200 OK', [['Content-Type', 'application/json']]);
      return [
        Buffer.from(
          JSON.stringify({
            ...environ,
            hints: typeof environ['wsgi.early_hints'],
            proxy: process.env['HTTP_PROXY'],
          }),
        ),
      ];
  }
}

function* late(startResponse: StartResponse): Generator<Uint8Array> {
  startResponse('200 OK', [...plain, ['Content-Length', '100']]);
  yield Buffer.from('begun');
  throw new Error('fault behind the head');
}

function blocks(count: number): (size: number) => Uint8Array {
  let left = count;
  return (size) => (left-- > 0 ? Buffer.alloc(size, 'x') : Buffer.alloc(0));
}

function endless(environ: Environ, startResponse: StartResponse): ResponseBody {
  startResponse('200 OK', [...plain]);
  const piece = Buffer.alloc(64 * 1024, 'x');
  const gone = environ['dualgate.client_disconnected'];
  return {
    *[Symbol.iterator]() {
      for (;;) yield piece;
    },
    close: () => appendFileSync(environ['CGI_NOTES'] ?? '', `closed, gone ${gone?.()}\n`),
  };
}
