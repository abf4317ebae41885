// What a sync app finds in its environ beyond the contract's own keys, and what it does.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

import type {
  Environ,
  FileLike,
  ResponseBody,
  ResponseHeaders,
  SyncApp,
} from '../../../src/sync/interface.ts';
import { block, gateSync, note } from '../../support/report.ts';
import { askedOf, bytesOf, encode, json, plain } from './asked.ts';
import * as reflect from './reflect.ts';

export { async } from './reflect.ts';

export const sync: SyncApp = (environ, startResponse) => {
  const { mode, query, report } = askedOf(environ);
  switch (mode) {
    case 'keys': {
      const { 'dualgate.client_disconnected': gone, 'wsgi.early_hints': hints } = environ;
      const id = environ['dualgate.request_id'];
      environ['wsgi.errors'].write(`seen ${String(id)}\n`);
      startResponse('200 OK', [...json]);
      return [
        encode({ id, gone: gone?.(), hints: typeof hints, terminated: environ['wsgi.input_terminated'] }),
      ];
    }
    case 'gone':
      return watched(environ, report, startResponse('200 OK', [...plain]));
    case 'file':
      startResponse('200 OK', headersOf(query));
      return served(environ, query, report);
    case 'hints':
      return hinted(environ, query, report, startResponse);
    default:
      return reflect.sync(environ, startResponse);
  }
};

/** Computes for up to 5 s, without a read or a write, and looks whether the client is still there. */
function watched(environ: Environ, report: string, write: (chunk: Uint8Array) => void): ResponseBody {
  write(bytesOf('begun'));
  const { 'dualgate.client_disconnected': gone } = environ;
  gateSync(report, 'gone');
  const from = performance.now();
  while (gone?.() !== true && performance.now() - from < 5000) Math.sqrt(from);
  note(report, 'looked', { gone: gone?.(), ms: performance.now() - from });
  return [];
}

function headersOf(query: URLSearchParams): ResponseHeaders {
  const length = query.get('length');
  return length === null ? [...plain] : [...plain, ['Content-Length', length]];
}

/** The file of the query: by its descriptor, or by read(); from where it stands after `skip` bytes. */
function served(environ: Environ, query: URLSearchParams, report: string): ResponseBody {
  const path = query.get('path') ?? '';
  const fd = openSync(path, 'r');
  const skip = Number(query.get('skip') ?? 0);
  if (skip > 0) readSync(fd, Buffer.alloc(skip), 0, skip, null);
  const close = (): void => {
    const [, position] = /^pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    closeSync(fd);
    note(report, 'closed', { position });
  };
  const file: FileLike = query.get('by') === 'read' ? { ...reading(path, skip), close } : { fd, close };
  const wrap = environ['wsgi.file_wrapper'];
  if (!wrap) throw new Error('There is no wsgi.file_wrapper');
  const body = wrap(file, Number(query.get('block') ?? 8192));
  if (query.get('by') === 'drop') return dropped(body);
  if (query.get('by') === 'gather') return [...gathered(body)];
  return body;
}

function reading(path: string, skip: number): { read(size: number): Uint8Array } {
  const bytes = readFileSync(path);
  let at = skip;
  return {
    read: (size) => {
      const piece = bytes.subarray(at, at + size);
      at += piece.length;
      return piece;
    },
  };
}

/** A middleware that re-wraps, and knows nothing of the wrapper. */
function* dropped(body: ResponseBody): Generator<Uint8Array, void, void> {
  try {
    for (const piece of body) yield piece;
  } finally {
    body.close?.();
  }
}

function gathered(body: ResponseBody): Uint8Array[] {
  const pieces = [...body];
  body.close?.();
  return pieces;
}

function hinted(
  environ: Environ,
  query: URLSearchParams,
  report: string,
  startResponse: Parameters<SyncApp>[1],
): ResponseBody {
  const hints = environ['wsgi.early_hints'];
  if (!hints) {
    startResponse('200 OK', [...plain]);
    return [bytesOf('no hints')];
  }
  const link = '</a.css>; rel=preload; as=style';
  hints([['Link', link]]);
  if (query.has('wait')) gateSync(report, 'hinted');
  for (let n = 1; n < Number(query.get('count') ?? 1); n += 1) hints([['Link', `</${n}.css>; rel=preload`]]);
  if (query.has('throw')) throw new Error('fault');
  const write = startResponse('200 OK', [...plain, ['Link', link]]);
  if (query.has('late')) {
    write(bytesOf('head '));
    block(1);
    try {
      hints([['Link', link]]);
    } catch (error) {
      return [bytesOf(String(error))];
    }
  }
  return [bytesOf('hinted')];
}
