// The fields of a connection's last head: a client that sends the same octets again has them read without a scan.
import type { ByteString, Header } from '../core/bytes.ts';
import type { FramingFields } from './framing.ts';

/** Longer blocks of fields are not kept: an idle connection holds on to them. */
const most = 2048;
/** After so many different ones in a row the client is not one of those that repeat themselves. */
const patience = 4;

/**
 * One a connection, so that no client's fields are ever looked up for another. Twelve fields cost 0.5 µs so, and 2.0 µs
 * where each is read anew (GET with 12 headers; bench/run.ts, "hello, 12 headers").
 */
export class LastFields {
  /** From the first field to the empty line. */
  #octets: Buffer | null = null;
  #names: readonly string[] = [];
  #values: readonly ByteString[] = [];
  #framing: FramingFields | null = null;
  #heads = 0;
  #misses = 0;

  /** What decided about framing, where bytes[at, end) begin with the same fields; null where they do not. */
  same(bytes: Buffer, at: number, end: number): FramingFields | null {
    const octets = this.#octets;
    if (!octets || end - at < octets.length) return null;
    if (octets.compare(bytes, at, at + octets.length) !== 0) return null;
    this.#misses = 0;
    return this.#framing;
  }

  get length(): number {
    return this.#octets?.length ?? 0;
  }

  /** As a list of its own: an app may do with it what it likes. */
  headers(): Header[] {
    const headers: Header[] = [];
    for (let at = 0; at < this.#names.length; at += 1)
      headers.push([this.#names[at] ?? '', this.#values[at] ?? '']);
    return headers;
  }

  /** Keeps those of bytes[start, end), from the second head of a connection on: most have one. */
  keep(bytes: Buffer, start: number, end: number, headers: readonly Header[], framing: FramingFields): void {
    this.#heads += 1;
    if (this.#heads === 1 || this.#misses === patience || end - start > most) return;
    this.#misses += 1;
    const octets = Buffer.allocUnsafeSlow(end - start); // its own memory: a slice would hold all that came with it
    bytes.copy(octets, 0, start, end);
    this.#octets = octets;
    this.#names = headers.map(([name]) => name);
    this.#values = headers.map(([, value]) => value);
    this.#framing = { ...framing };
  }
}
