// A request body read whole before an inline call: small ones in memory, large ones in a file without a name.
import { randomUUID } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asError, HttpError } from '../core/errors.ts';
import type { Piece } from '../http/exchange.ts';
import { Blocks } from './blocks.ts';
import type { Call } from './call.ts';
import { BodyLost } from './failure.ts';
import type { Source } from './input.ts';

export interface SpoolOptions {
  /** Bytes; beyond them the body goes to a file. */
  readonly memory?: number;
  /** Bytes; beyond them the request is refused with 413. */
  readonly maxBody?: number;
}

const blockSize = 64 * 1024;

export class Spool implements Source {
  /** It is all there. */
  readonly ready = true;
  readonly #memory: number;
  readonly #maxBody: number;
  readonly #blocks = new Blocks();
  #held = 0;
  #total = 0;
  #file: FileHandle | null = null;
  #written = 0;
  #read = 0;

  constructor({ memory = 512 * 1024, maxBody = Number.POSITIVE_INFINITY }: SpoolOptions = {}) {
    this.#memory = memory;
    this.#maxBody = maxBody;
  }

  /** Reads the whole body; `first` was read before. Throws what Call.read throws, HttpError 413, and BodyLost where the file system has no room (507) or fails (500). */
  async fill(call: Pick<Call, 'read'>, first: Piece | null = null): Promise<void> {
    for (let more = true, given = first; more; given = null) {
      const next = given ?? (await call.read());
      more = next.more;
      if (next.body.length === 0) continue;
      this.#total += next.body.length;
      if (this.#total > this.#maxBody) {
        throw new HttpError(413, `The request body is larger than ${this.#maxBody} bytes`);
      }
      this.#blocks.push(next.body);
      this.#held += next.body.length;
      if (this.#held > this.#memory) await this.#flush();
    }
    if (this.#file && this.#held > 0) await this.#flush();
  }

  next(): Uint8Array | null {
    if (this.#file) return this.#fromFile(this.#file);
    return this.#blocks.shift() ?? null;
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    this.#blocks.takeAll();
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #flush(): Promise<void> {
    const size = this.#held;
    this.#held = 0;
    try {
      this.#file ??= await openUnnamed();
      const { bytesWritten } = await this.#file.writev(this.#blocks.takeAll(), this.#written);
      if (bytesWritten !== size) throw noRoom();
    } catch (error) {
      throw asLost(error);
    }
    this.#written += size;
  }

  #fromFile(file: FileHandle): Uint8Array | null {
    const count = Math.min(blockSize, this.#written - this.#read);
    if (count === 0) return null;
    const block = Buffer.allocUnsafeSlow(count);
    const got = readSync(file.fd, block, 0, count, this.#read);
    this.#read += got;
    return got === 0 ? null : block.subarray(0, got);
  }
}

function noRoom(cause?: unknown): BodyLost {
  return new BodyLost(507, `The request body does not fit into "${tmpdir()}": free some space there`, {
    cause,
  });
}

function asLost(error: unknown): BodyLost {
  if (error instanceof BodyLost) return error;
  const { code, message }: NodeJS.ErrnoException = asError(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return noRoom(error);
  return new BodyLost(500, `The request body cannot be kept in "${tmpdir()}": ${message}`, { cause: error });
}

/** Unlinked as soon as it is open: it goes away with its descriptor, also when the process is killed. */
async function openUnnamed(): Promise<FileHandle> {
  const path = join(tmpdir(), `dualgate-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await unlink(path);
  } catch (error) {
    closeSync(file.fd);
    throw error;
  }
  return file;
}
