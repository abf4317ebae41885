// Standard output and error, written before the call returns: in a blocked thread, and at a process's end.
import { writeSync } from 'node:fs';
import process from 'node:process';

/** Where a stream's bytes go: to a file descriptor, before it returns. */
export type Outlet = (fd: number, data: string | Uint8Array) => void;

/**
 * From now on process.stdout and process.stderr of this thread (and so console) write before they return. A worker's own
 * streams go through the main thread: a blocked thread gets one line out, and loses the rest when it is terminated.
 */
export function writeAtOnce(outlet: Outlet = writeWhole): void {
  redirect(process.stdout, process.env[freeStdout] === undefined ? 1 : 2, outlet);
  redirect(process.stderr, 2, outlet);
}

/** Threads inherit it, as they do all of the environment. */
const freeStdout = 'DUALGATE_FREE_STDOUT';

/** Standard output belongs to something else: what is printed here, and by threads from now on, goes to standard error. */
export function keepStdoutFree(): void {
  process.env[freeStdout] = '1';
  writeAtOnce();
}

/** Writes all of it; a pipe that is full for a moment (EAGAIN) is tried again, a closed one is given up. */
export function writeWhole(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException; // fs throws nothing else
      if (code === 'EAGAIN') Atomics.wait(nap, 0, 0, 1);
      else if (code === 'EPIPE' || code === 'EIO') return;
      else throw error;
    }
  }
}

const nap = new Int32Array(new SharedArrayBuffer(4));

type Done = (error?: Error | null) => void;

function redirect(stream: NodeJS.WriteStream, fd: number, outlet: Outlet): void {
  stream.write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const after = typeof encoding === 'function' ? encoding : done;
    const data =
      typeof chunk === 'string' && typeof encoding === 'string' ? Buffer.from(chunk, encoding) : chunk;
    outlet(fd, data);
    if (after) queueMicrotask(() => after());
    return true;
  };
}
