// CGI: one request from the environment and standard input, its answer to standard output (RFC 3875).
import { readFileSync, readSync, writeSync } from 'node:fs';

import { type ByteString, concat, fromLatin1, utf8ToByteString } from '../core/bytes.ts';
import { asError, Disconnected, HttpError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { reasonOf } from '../core/status.ts';
import { writeWhole } from '../core/stdio.ts';
import { environOfCgi, type Variables } from './cgi-environ.ts';
import { Errors } from './error-stream.ts';
import { Input, type Source } from './input.ts';
import type { Environ, EnvironData, ResponseHeaders, StatusLine, SyncApp } from './interface.ts';
import { respond, type Sink } from './responder.ts';

export interface CgiOptions {
  /** Octets, one character each: what environmentOctets() gives. */
  readonly variables: Variables;
  readonly log: Log;
  /** Descriptors; 0 and 1. */
  readonly input?: number;
  readonly output?: number;
}

/**
 * Runs the app once, blocking. Answers with the exit code: 0 where the answer is whole, 1 where the app failed, the
 * request was refused or the web server has gone. How long it may take is the web server's to say. Never throws.
 */
export function runCgi(app: SyncApp, options: CgiOptions): number {
  const { variables, log, input = 0, output = 1 } = options;
  const sink = new OutputSink(output);
  let body: Input | null = null;
  try {
    const data = environOfCgi(variables);
    body = new Input(new StdinSource(input, lengthOf(data)));
    const environ = completed(data, body, sink);
    for (const _ of respond(app, environ, sink) ?? []);
    return 0;
  } catch (thrown) {
    const error = asError(thrown);
    return fail(error, sink, () => log.error(`The app failed on ${asked(variables)}`, { error }));
  } finally {
    body?.expire();
  }
}

/** An answer without the app, as the server gives it. */
export function refuseByCgi(status: number, output = 1): void {
  const text = `${status} ${reasonOf(status)}`;
  const head = `Status: ${text}\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n`;
  writeWhole(output, `${head}Content-Length: ${text.length + 1}\r\n\r\n${text}\n`);
}

/** The process's own variables as they were handed over: process.env has them decoded as UTF-8, whatever they are. */
export function environmentOctets(): Variables {
  try {
    const entries = readFileSync('/proc/self/environ', 'latin1').split('\0');
    return Object.fromEntries(entries.map(halves).filter(([name]) => name !== ''));
  } catch {
    const entries = Object.entries(process.env); // not Linux
    return Object.fromEntries(entries.map(([name, text = '']) => [name, utf8ToByteString(text)]));
  }
}

function halves(entry: string): [name: string, value: string] {
  const equals = entry.indexOf('=');
  return equals < 0 ? ['', ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

function completed(data: EnvironData, input: Input, sink: OutputSink): Environ {
  const environ = data as Environ; // what is missing is added here
  environ['wsgi.input'] = input;
  environ['wsgi.errors'] = new Errors((line) => writeWhole(2, `${line}\n`));
  environ['dualgate.lane'] = 'cgi';
  environ['dualgate.client_disconnected'] = () => sink.broken;
  return environ;
}

/** Without a length there is no body to be read (RFC 3875 §4.1.2, §4.2): a web server need not end standard input. */
function lengthOf({ CONTENT_LENGTH, HTTP_TRANSFER_ENCODING }: EnvironData): number {
  if (CONTENT_LENGTH === undefined) {
    if (HTTP_TRANSFER_ENCODING === undefined) return 0;
    throw new HttpError(411, 'A chunked body has no length, and CGI needs one');
  }
  if (/^\d{1,15}$/.test(CONTENT_LENGTH)) return Number(CONTENT_LENGTH);
  throw new HttpError(400, `CONTENT_LENGTH is "${CONTENT_LENGTH}": it is a number of bytes`);
}

function asked({ REQUEST_METHOD, PATH_INFO }: Variables): string {
  return `${REQUEST_METHOD} ${JSON.stringify(PATH_INFO ?? '')}`;
}

function fail(error: Error, sink: OutputSink, say: () => void): number {
  const status = error instanceof HttpError ? error.status : error instanceof Disconnected ? 400 : 500;
  if (status >= 500) say();
  if (!sink.headed && !sink.broken) sink.refuse(status);
  return 1;
}

const blockSize = 64 * 1024;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** As many bytes of a descriptor as the request's length says, and never one more. */
class StdinSource implements Source {
  /** Nobody can say whether a read would block, so it may. */
  readonly ready = true;
  readonly #fd: number;
  #left: number;

  constructor(fd: number, length: number) {
    this.#fd = fd;
    this.#left = length;
  }

  next(): Uint8Array | null {
    if (this.#left === 0) return null;
    const block = Buffer.allocUnsafeSlow(Math.min(this.#left, blockSize));
    const count = this.#read(block);
    if (count === 0) throw new Disconnected('The client left before its request body was complete');
    this.#left -= count;
    return block.subarray(0, count);
  }

  #read(block: Uint8Array): number {
    for (;;) {
      try {
        return readSync(this.#fd, block, 0, block.length, null);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException; // fs throws nothing else
        if (code === 'EOF') return 0; // Windows
        if (code !== 'EAGAIN') throw new Disconnected('The request body cannot be read', { cause: error });
        Atomics.wait(nap, 0, 0, 1);
      }
    }
  }
}

/** Writes at once, but for the pieces of an array, which leave together. */
class OutputSink implements Sink {
  /** Something of the answer has left. */
  headed = false;
  /** The web server has closed its end. */
  broken = false;
  readonly #fd: number;
  #held: Uint8Array[] = [];
  #size = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  start(status: StatusLine, headers: ResponseHeaders): void {
    let text: ByteString = `Status: ${status}\r\n`;
    for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
    this.#hold(fromLatin1(`${text}\r\n`));
  }

  write(chunk: Uint8Array, held: boolean): void {
    this.#hold(chunk);
    if (!held || this.#size >= blockSize) this.#flush();
  }

  end(): void {
    this.#flush();
  }

  check(): void {
    if (this.broken) throw new Disconnected();
  }

  refuse(status: number): void {
    this.#held = [];
    refuseByCgi(status, this.#fd);
  }

  #hold(chunk: Uint8Array): void {
    this.check();
    this.#held.push(chunk);
    this.#size += chunk.length;
  }

  #flush(): void {
    const bytes = concat(this.#held);
    this.#held = [];
    this.#size = 0;
    for (let at = 0; at < bytes.length; ) at += this.#write(bytes, at);
  }

  #write(bytes: Uint8Array, at: number): number {
    try {
      const count = writeSync(this.#fd, bytes, at);
      this.headed = true;
      return count;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException; // fs throws nothing else
      if (code !== 'EAGAIN') {
        this.broken = true;
        throw new Disconnected('The web server takes no more of the answer', { cause: error });
      }
      Atomics.wait(nap, 0, 0, 1);
      return 0;
    }
  }
}
