// Bytes on their way between a loop thread and its callers: small pieces, a window of them at a time.

/** Largest piece of an answer, in bytes. */
export const pieceSize: number = 32 * 1024;

/** How much of an answer may lie unread between app and caller, in weights. */
export const window: number = 64 * 1024;

/** A message costs something even where it holds one byte. */
export function weightOf(bytes: Uint8Array): number {
  return Math.max(bytes.length, 1024);
}

/**
 * Bytes as they are posted: the clone of a view would hold all of the memory that it looks at, and share it where it is
 * shared. They are copied, not moved: moved memory is freed later, which cost 40 MiB more of RSS in a 256 MiB upload.
 */
export function parcel(bytes: Uint8Array): Uint8Array {
  const { buffer, length } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === length ? bytes : new Uint8Array(bytes);
}
