// wsgi.file_wrapper: a file as a response body, read piece by piece.
import { fstatSync, readFileSync, readSync } from 'node:fs';

import { ContractError } from '../core/errors.ts';
import type { FileLike, FileWrapping, ResponseBody } from './interface.ts';

/** Bytes of a piece: as much as a ring holds (pool-over-engine.md). */
const usual = 64 * 1024;

/** PEP 3333, "Optional Platform-Specific File Handling". Throws ContractError W-87 for what is no file. */
export const fileWrapper: FileWrapping = (file, blockSize = usual) => new FileWrapper(file, blockSize);

export class FileWrapper implements ResponseBody {
  /** There where the file has it (W-88). */
  declare readonly close?: () => void; // no field: that would be there always
  readonly #read: (size: number, into: Uint8Array | null) => Uint8Array;
  readonly #fd: number | null;
  readonly #blockSize: number;

  constructor(file: FileLike, blockSize: number) {
    this.#blockSize = checkedSize(blockSize);
    this.#fd = descriptorOf(file);
    this.#read = readerOf(file, this.#fd);
    if (typeof file.close === 'function') this.close = () => closeFile(file);
  }

  /** Pieces that are the caller's to keep. */
  *[Symbol.iterator](): Generator<Uint8Array, void, void> {
    for (;;) {
      const piece = this.#read(this.#blockSize, null);
      if (piece.length === 0) return;
      yield piece;
    }
  }

  /** For the server: at most `limit` bytes. A piece is good until the next one is asked for: one buffer serves for all. */
  *upTo(limit: number): Generator<Uint8Array, void, void> {
    const size = Math.min(this.#blockSize, usual);
    const buffer = this.#fd === null ? null : Buffer.allocUnsafeSlow(Math.min(size, limit));
    for (let left = limit; left > 0; ) {
      const piece = this.#read(Math.min(size, left), buffer);
      if (piece.length === 0) return;
      left -= piece.length;
      yield piece;
    }
  }

  /** For the server: the bytes from here to the end, where that can be known; else null. */
  get remaining(): number | null {
    const at = this.#fd === null ? null : positionOf(this.#fd);
    return at === null ? null : at.size - at.position;
  }
}

function checkedSize(blockSize: unknown): number {
  if (typeof blockSize === 'number' && Number.isInteger(blockSize) && blockSize > 0) return blockSize;
  throw new ContractError('W-87', `wsgi.file_wrapper got the block size "${String(blockSize)}": give bytes`);
}

/** A descriptor goes before read(): that of a FileHandle is asynchronous. */
function descriptorOf(file: unknown): number | null {
  if (typeof file !== 'object' || file === null || !('fd' in file)) return null;
  const { fd } = file;
  if (fd === null || fd === undefined) return null; // an fs.ReadStream that has not opened its file; read() decides
  if (typeof fd === 'number' && Number.isInteger(fd) && fd >= 0) return fd;
  throw new ContractError('W-87', `wsgi.file_wrapper got a file whose fd is ${String(fd)}: it is not open`);
}

function readerOf(file: FileLike, fd: number | null): (size: number, into: Uint8Array | null) => Uint8Array {
  if (fd !== null) return (size, into) => readDescriptor(fd, size, into);
  if (typeof file === 'object' && file !== null && 'read' in file && typeof file.read === 'function') {
    return (size) => checkedPiece(file.read(size));
  }
  throw new ContractError(
    'W-87',
    'wsgi.file_wrapper got no file: give an object with read(size), or with fd',
  );
}

function checkedPiece(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  const hint = piece instanceof Promise ? 'a promise: open the file with fs.openSync' : `a ${typeof piece}`;
  if (piece instanceof Promise) piece.catch(() => {}); // this error is the news
  throw new ContractError('W-89', `The file's read() gave ${hint}; it gives a Uint8Array, empty at the end`);
}

function readDescriptor(fd: number, size: number, into: Uint8Array | null): Uint8Array {
  const buffer = into ?? Buffer.allocUnsafeSlow(size);
  for (;;) {
    try {
      return buffer.subarray(0, readSync(fd, buffer, 0, size, null));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException; // fs throws nothing else
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(nap, 0, 0, 1); // a pipe that is open without blocking, and empty for now
    }
  }
}

const nap = new Int32Array(new SharedArrayBuffer(4));

/** Of a regular file. Node cannot be asked where a descriptor stands, Linux can. */
function positionOf(fd: number): { position: number; size: number } | null {
  const stats = fstatSync(fd);
  if (!stats.isFile()) return null;
  try {
    const [, text] = /^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    const position = Number(text);
    // A file of /proc says that it is empty, and is not.
    return text !== undefined && stats.size > 0 && position <= stats.size
      ? { position, size: stats.size }
      : null;
  } catch {
    return null; // another system: the answer goes without a length
  }
}

/** A FileHandle's close() gives a promise; nobody awaits it, and a failure of it must not end the process. */
function closeFile(file: FileLike): void {
  const closing = file.close?.();
  if (closing instanceof Promise) closing.catch(() => {});
}
