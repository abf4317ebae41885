// The corpus of raw requests: NAME.http are the bytes, NAME.json says what is to come of them.
import { readdirSync, readFileSync } from 'node:fs';

import { defaultLimits, type Limits } from '../../src/http/limits.ts';

/** What a good request is seen as. `body` and header values: one code unit an octet. */
export interface Expected {
  readonly method: string;
  readonly target: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
  /** Where these are left out: whatever the target says, 1.1, kept alive, no expectation, no trailers. */
  readonly path?: string;
  readonly query?: string;
  readonly version?: '1.0' | '1.1';
  readonly keepAlive?: boolean;
  readonly expectsContinue?: boolean;
  readonly trailers?: ReadonlyArray<readonly [name: string, value: string]>;
}

interface Case {
  readonly name: string;
  readonly bytes: Buffer;
  readonly why: string;
  readonly limits: Limits;
}
export interface Valid extends Case {
  readonly requests: readonly Expected[];
}
export interface Invalid extends Case {
  readonly status: number;
  readonly close: boolean;
  /** `body`: the head is good, so that the handler runs, and its read() rejects. */
  readonly stage?: 'body';
  /** Good requests before the broken one. */
  readonly before?: number;
}

export const valid: readonly Valid[] = load('valid');
export const invalid: readonly Invalid[] = load('invalid');

function load<T extends Case>(kind: 'valid' | 'invalid'): T[] {
  const folder = new URL(`${kind}/`, import.meta.url);
  const files = readdirSync(folder);
  const names = files.filter((file) => file.endsWith('.http')).map((file) => file.slice(0, -'.http'.length));
  const lonely = files.filter((file) => !names.includes(file.replace(/\.(http|json)$/, '')));
  if (lonely.length > 0) throw new Error(`No .http beside ${lonely.join(', ')}`);
  return names.map((name) => {
    const told = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
    if (typeof told.why !== 'string' || told.why.length < 10) throw new Error(`${name}.json has no "why"`);
    const limits = { ...defaultLimits, ...told.limits };
    return { ...told, name, limits, bytes: readFileSync(new URL(`${name}.http`, folder)) };
  });
}

/** Seeded: the same pieces in each run. `seed` is any text, such as the name of the case. */
export function pieces(bytes: Uint8Array, count: number, seed: string): Uint8Array[] {
  let state = [...seed].reduce(
    (sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0,
    2166136261,
  );
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const cuts = Array.from({ length: count - 1 }, () => Math.floor(random() * bytes.length));
  const ends = [...cuts.sort((a, b) => a - b), bytes.length];
  return ends
    .map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
    .filter((piece) => piece.length > 0);
}

export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}
