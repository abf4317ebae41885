// Reads its body in the way that the mode names, and answers with what it saw as JSON.
import { createHash } from 'node:crypto';

import type { Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, InputStream, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { gate, gateSync, note } from '../../support/report.ts';
import { askedOf, encode, json } from './asked.ts';

export const sync: SyncApp = (environ: Environ, startResponse: StartResponse) => {
  const { mode, query, report } = askedOf(environ);
  if (query.has('deaf')) gateSync(report, 'listen', 20_000);
  try {
    const seen = readers[mode]?.(environ['wsgi.input'], Number(query.get('size') ?? 7), report);
    note(report, 'read', { seen });
    startResponse('200 OK', [...json]);
    return [encode(seen)];
  } catch (error) {
    note(report, 'threw', thrown(error));
    throw error;
  }
};

type Reader = (input: InputStream, size: number, report: string) => unknown;

const readers: Readonly<Record<string, Reader>> = {
  /** Small reads up to the end: how much, its hash, the longest read, and three more reads behind the end. */
  small(input, size, report) {
    const hash = createHash('sha256');
    let count = 0;
    let longest = 0;
    for (;;) {
      const piece = input.read(size);
      if (piece.length === 0) break;
      if (count === 0) note(report, 'piece', { text: textOf(piece) });
      count += piece.length;
      longest = Math.max(longest, piece.length);
      hash.update(piece);
    }
    const after = [input.read(size), input.read(), input.readline()].map((piece) => piece.length);
    return { count, longest, hash: hash.digest('hex'), after };
  },
  /** A part, then all the rest, then nothing. */
  rest(input, size) {
    return [input.read(size), input.read(), input.read(-1), input.read(size)].map(textOf);
  },
  lines(input) {
    const lines: string[] = [];
    for (;;) {
      const line = input.readline();
      if (line.length === 0) return lines;
      lines.push(textOf(line));
    }
  },
  limited(input, size) {
    const lines: string[] = [];
    for (;;) {
      const line = input.readline(size);
      if (line.length === 0) return lines;
      lines.push(textOf(line));
    }
  },
  readlines(input) {
    return input.readlines().map(textOf);
  },
  hinted(input, size) {
    return [input.readlines(size).map(textOf), input.readlines().map(textOf)];
  },
  iterate(input) {
    return [...input].map(textOf);
  },
  /** Iteration that stops half way leaves the rest to be read. */
  mixed(input) {
    for (const line of input) return [textOf(line), textOf(input.readline()), textOf(input.read())];
    return [];
  },
};

export async function async(scope: Scope, receive: Receive, send: Send): Promise<void> {
  if (scope.type !== 'http') throw new Error(`This app does not speak ${scope.type}`);
  const { query, report } = askedOf(scope);
  if (query.has('deaf')) await gate(report, 'listen', 20_000);
  const hash = createHash('sha256');
  const pieces: Array<{ size: number; more: boolean }> = [];
  let count = 0;
  for (;;) {
    const event = await receive();
    if (event.type !== 'http.request') {
      note(report, 'disconnect', { count });
      return;
    }
    if (count === 0) note(report, 'piece', { text: textOf(event.body) });
    count += event.body.length;
    hash.update(event.body);
    if (pieces.length < 100) pieces.push({ size: event.body.length, more: event.more_body });
    if (!event.more_body) break;
  }
  note(report, 'read', { count });
  await send({ type: 'http.response.start', status: 200, headers: json });
  await send({ type: 'http.response.body', body: encode({ count, hash: hash.digest('hex'), pieces }) });
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function thrown(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  return { name: error.name, code: Reflect.get(error, 'code'), message: error.message };
}
