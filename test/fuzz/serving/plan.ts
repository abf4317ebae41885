// One request of the server's fuzzer and its answer: the client and the app derive the same plan from a seed.
import { Seeded, seedOf } from '../seeded.ts';

type Field = readonly [name: string, value: string];

export interface Kinds {
  /** May threads die of an app in this episode, or get stuck? */
  readonly deaths: boolean;
  readonly stuck: boolean;
}

export interface Plan {
  readonly index: number;
  readonly method: string;
  readonly version: '1.0' | '1.1';
  readonly target: string;
  /** As they are sent, but for the space around the values. */
  readonly fields: readonly Field[];
  readonly up: number;
  readonly coding: 'none' | 'length' | 'chunked' | 'expect';
  readonly reading: 'all' | 'pieces' | 'none' | 'between';
  readonly status: string;
  readonly extra: readonly Field[];
  readonly hints: number;
  readonly answer: 'single' | 'list' | 'generator' | 'write' | 'closing' | 'flush';
  readonly down: number;
  readonly pieces: number;
  readonly declared: boolean;
  readonly fault: { readonly kind: 'throw' | 'exit' | 'stuck'; readonly when: 'before' | 'middle' } | null;
  /** The app uses what it kept of the call before. */
  readonly late: boolean;
  readonly nap: number;
}

/** Where something changes: a memcpy, a text, a whole answer, a ring, a slab, a part. */
const edges = [0, 1, 199, 200, 201, 4096, 32_768, 65_536, 131_072, 200_000];
const near = [2048, 4096, 32_768, 65_536];
const common = [
  'accept',
  'accept-language',
  'user-agent',
  'cookie',
  'x-forwarded-for',
  'content-type',
  'dnt',
  'via',
];
const odd = [
  'x-a',
  'x-B',
  'X-Long-Name-That-Nobody-Has',
  'X_under',
  'x.dot',
  '~',
  'proto',
  '__proto__',
  'x-a',
];

export function planOf(run: number, index: number, kinds: Kinds): Plan {
  const chance = new Seeded(seedOf(run, index));
  const version = chance.once(8) ? '1.0' : '1.1';
  const method = chance.pick(['GET', 'GET', 'POST', 'PUT', 'HEAD', 'X-ODD']);
  const codings =
    version === '1.0' ? (['none', 'length'] as const) : (['none', 'length', 'chunked', 'expect'] as const);
  const coding = method === 'HEAD' ? 'none' : chance.pick(codings);
  const up = coding === 'none' ? 0 : sizeOf(chance);
  const target = `/p%41th/${chance.once(20) ? 'a'.repeat(chance.below(4000)) : ''}?${index}`;
  return {
    index,
    method,
    version,
    target,
    fields: fieldsOf(chance, { version, coding, up }),
    up,
    coding,
    reading: chance.pick(['all', 'all', 'pieces', 'none', 'between']),
    status: chance.pick([
      '200 OK',
      '200 OK',
      '200 OK',
      '404 Nothing Here',
      '204 No Content',
      '304 Not Modified',
      '500 Mine',
    ]),
    extra: extraOf(chance),
    hints: chance.once(8) ? 1 + chance.below(3) : 0,
    answer: chance.pick(['single', 'single', 'single', 'list', 'generator', 'write', 'closing', 'flush']),
    down: sizeOf(chance),
    pieces: 1 + chance.below(chance.once(4) ? 60 : 5),
    declared: chance.once(2),
    fault: faultOf(chance, kinds),
    late: chance.once(10),
    nap: chance.once(12) ? chance.below(8) : 0,
  };
}

function sizeOf(chance: Seeded): number {
  if (chance.once(3)) return chance.pick(edges);
  if (chance.once(2)) return chance.pick(near) - 400 + chance.below(402);
  return chance.below(1 + chance.below(90_000));
}

function faultOf(chance: Seeded, { deaths, stuck }: Kinds): Plan['fault'] {
  if (!chance.once(20)) return null;
  const when = chance.pick(['before', 'middle'] as const);
  if (stuck && chance.once(6)) return { kind: 'stuck', when };
  return { kind: deaths && chance.once(3) ? 'exit' : 'throw', when };
}

function fieldsOf(chance: Seeded, { version, coding, up }: Pick<Plan, 'version' | 'coding' | 'up'>): Field[] {
  const fields: Field[] = [['Host', 'fuzz.test']];
  const count = chance.below(14);
  const plain = chance.once(2);
  const repeats = !plain && chance.once(2);
  const names = new Set<string>();
  for (let at = 0; at < count; at += 1) {
    const name = chance.pick(plain || chance.once(2) ? common : odd);
    if (names.has(name.toLowerCase()) && !repeats) continue;
    names.add(name.toLowerCase());
    fields.push([name, textOf(chance, chance.once(6) ? 3000 : 30)]);
  }
  if (chance.once(25))
    fields.push(['x-wide', textOf(chance, 1) + 'w'.repeat(chance.pick([31_000, 32_768, 60_000]))]);
  if (chance.once(50)) for (let at = 0; at < 3000; at += 1) fields.push([`h${at % 2500}`, String(at)]);
  if (coding === 'length' || coding === 'expect') fields.push(['Content-Length', String(up)]);
  if (coding === 'chunked') fields.push(['Transfer-Encoding', 'chunked']);
  if (coding === 'expect') fields.push(['Expect', '100-continue']);
  if (version === '1.0' ? chance.once(2) : chance.once(30))
    fields.push(['Connection', version === '1.0' ? 'keep-alive' : 'close']);
  return fields;
}

function textOf(chance: Seeded, most: number): string {
  const letters = 'abcXYZ019 ,;=/\u00e9\u00ff~"';
  let value = '';
  for (let left = chance.below(most); left > 0; left -= 1)
    value += letters[chance.below(letters.length)] ?? '';
  return value.trim();
}

function extraOf(chance: Seeded): Field[] {
  const extra: Field[] = [];
  for (let left = chance.below(6); left > 0; left -= 1)
    extra.push([chance.pick(['X-E', 'x-e1', 'X-E2']), textOf(chance, 90)]);
  if (chance.once(30)) for (let at = 0; at < 1000; at += 1) extra.push([`x-e-many-${at}`, String(at)]);
  if (chance.once(30)) extra.push(['x-e-wide', 'w'.repeat(chance.pick([31_000, 33_000, 65_000, 70_000]))]);
  return extra;
}

/** What the environ has of the fields, by PEP 3333's words. */
export function variablesOf({ fields }: Plan): Map<string, string> {
  const variables = new Map<string, string>();
  for (const [name, value] of fields) {
    if (name.includes('_')) continue;
    const upper = name.toUpperCase().replaceAll('-', '_');
    const key = upper === 'CONTENT_TYPE' || upper === 'CONTENT_LENGTH' ? upper : `HTTP_${upper}`;
    const before = variables.get(key);
    variables.set(
      key,
      before === undefined ? value : `${before}${key === 'HTTP_COOKIE' ? '; ' : ','}${value}`,
    );
  }
  return variables;
}
