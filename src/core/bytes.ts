// Octets as text and as bytes: ByteString, header lists, and the ways between latin-1, UTF-8 and percent-encoding.

/** A string whose every code unit is one octet (U+0000 to U+00FF): PEP 3333's native string, WebIDL's ByteString. */
export type ByteString = string;
export type Header = readonly [name: ByteString, value: ByteString];
export type HeaderList = readonly Header[];

export const noBytes: Uint8Array = new Uint8Array(0);

const beyondLatin1 = /[^\u0000-\u00ff]/;
const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Is every code unit an octet? */
export function isByteString(text: string): boolean {
  return !beyondLatin1.test(text);
}

/** Bytes to the string with the same octets. */
export function latin1(bytes: Uint8Array): ByteString {
  if (Buffer.isBuffer(bytes)) return bytes.toString('latin1');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The octets of a ByteString. The caller has checked that it is one. */
export function fromLatin1(text: ByteString): Uint8Array {
  return Buffer.from(text, 'latin1');
}

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** UTF-8 bytes to text; undefined where they are not valid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return fatal.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The octets of `text`'s UTF-8 form, as a ByteString: how a path enters an environ (PEP 3333, "Unicode Issues"). */
export function utf8ToByteString(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A ByteString that holds UTF-8, as text; undefined where it does not. */
export function byteStringToUtf8(octets: ByteString): string | undefined {
  return fromUtf8(Buffer.from(octets, 'latin1'));
}

/** Percent-decodes to octets; a `%` without two hex digits stays as it is (as in Python's unquote_to_bytes). */
export function percentDecode(text: ByteString): ByteString {
  if (!text.includes('%')) return text;
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** One Uint8Array out of many; the one itself where there is one. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  if (first === undefined) return noBytes;
  return chunks.length === 1 ? first : Buffer.concat(chunks);
}

/** Below it a plain set() is quicker. */
const few = 200;

/**
 * Puts all of `source` into `target` from `at` on, where there is room for it. Between shared and other memory set() goes
 * octet by octet, where the two are not aligned alike; fill() with bytes as long as the gap is one memcpy. 16 KiB: 0.5 µs
 * instead of 4.6, 1 KiB: 0.12 instead of 0.35 (Node 20; 26 alike).
 */
export function putBytes(target: Buffer, source: Uint8Array, at: number): void {
  if (source.length < few) target.set(source, at);
  else target.fill(source, at, at + source.length);
}
