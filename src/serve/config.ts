// One frozen configuration out of defaults, environment, flags and code; what is wrong is refused here, at the door.
import { GatewayError } from '../core/errors.ts';
import { isBind } from '../http/bind.ts';
import { conflictIn } from './conflicts.ts';
import { nearest } from './nearest.ts';
import {
  type Config,
  durations,
  longest,
  type Setting,
  type Settled,
  shown,
  sizes,
  table,
} from './settings.ts';

export type Value = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Defaults < environment < `code`, where flags are code to the command. Sizes are bytes, times milliseconds.
 * Throws GatewayError USAGE for an unknown name, a value of the wrong type, and a variable that cannot be read.
 */
export function settle(code: Config = {}, environment: Environment = process.env): Settled {
  const settled: Record<string, Value> = {};
  for (const row of table) if (row.default !== undefined) settled[row.name] = row.default;
  Object.assign(settled, fromEnvironment(environment), checked(code));
  // Every row with a default is there, and each value went through its row's type.
  const whole = settled as Settled;
  const conflict = conflictIn(whole);
  if (conflict !== null) throw new GatewayError('USAGE', conflict);
  return Object.freeze(whole);
}

/** What DUALGATE_* variables say; an empty one says nothing. */
export function fromEnvironment(environment: Environment): Config {
  const found: Record<string, Value> = {};
  for (const row of table) {
    const text = environment[row.variable];
    if (text) found[row.name] = parseValue(row, text, row.variable);
  }
  // parseValue answers with the row's type.
  return found as Config;
}

/** A flag's or a variable's text as its row's type. `where` is the flag or the variable, for the message. */
export function parseValue(row: Setting, text: string, where: string): Value {
  const value = parsers[row.type](text.trim(), row, where.startsWith('-'));
  const why = value === undefined ? null : faultOf(row, value);
  if (why !== null) throw new GatewayError('USAGE', `Cannot read ${where} "${text}": ${why}`);
  if (value !== undefined) return value;
  throw new GatewayError('USAGE', `Cannot read ${where} "${text}": ${expected(row, 'text')}`);
}

/** `flag`: it is a flag's text, not a variable's. */
type Parser = (text: string, row: Setting, flag: boolean) => Value | undefined;

const parsers: Readonly<Record<Setting['type'], Parser>> = {
  address: (text) => (isBind(text) ? text : undefined),
  choice: (text, { choices }) => choices?.find((one) => one === text),
  switch: (text) => words.get(text.toLowerCase()),
  count: (text, { least = 0, most = 1e9 }) =>
    /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined,
  size: (text, { least = 0 }) => {
    const bytes = inBase(text, /^(\d{1,15}(?:\.\d{1,3})?)\s*(b|[kmg]i?b?)?$/i, sizes, 'B');
    return bytes !== undefined && bytes >= least ? bytes : undefined;
  },
  duration: (text, { least = 0, most = longest }) => {
    const ms = inBase(text, /^(\d{1,12}(?:\.\d{1,3})?)\s*(ms|s|m|h)?$/, durations, 's');
    return ms !== undefined && ms >= least && ms <= most ? ms : undefined;
  },
  text: (text) => text || undefined,
  list: (text) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
  // A flag says one, whose value may have commas in it.
  pairs: (text, _row, flag) => pairsIn(flag ? [text] : text.split(',')),
};

function pairsIn(texts: readonly string[]): Record<string, string> | undefined {
  const pairs: Array<[key: string, value: string]> = [];
  for (const text of texts) {
    const [, key, value] = /^\s*([\w.-]+)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) return undefined;
    pairs.push([key, value]);
  }
  return Object.fromEntries(pairs);
}

const words: ReadonlyMap<string, boolean> = new Map([
  ...['1', 'on', 'true', 'yes'].map((word) => [word, true] as const),
  ...['0', 'off', 'false', 'no'].map((word) => [word, false] as const),
]);

/** `16MiB` in bytes, `1.5s` in milliseconds. K, KB and KiB are the same: 1024. */
function inBase(text: string, form: RegExp, units: typeof sizes, bare: string): number | undefined {
  const [, number, unit = bare] = form.exec(text) ?? [];
  if (number === undefined) return undefined;
  const worth = units.find(([name]) => sameUnit(name, unit))?.[1] ?? 1;
  return Math.round(Number(number) * worth);
}

function sameUnit(name: string, written: string): boolean {
  return name === written || (/^[kmg]/i.test(written) && name[0] === written[0]?.toUpperCase());
}

/** What `serve()` was given, checked: JavaScript does not do it for us. */
function checked(code: Config): Config {
  const given: Record<string, Value> = {};
  for (const [name, value] of Object.entries<unknown>({ ...code })) {
    if (value === undefined) continue;
    const row = table.find((one) => one.name === name);
    if (!row) throw unknownOption(name);
    if (!fits(row, value)) {
      throw new GatewayError('USAGE', `Cannot take ${name} ${display(value)}: ${expected(row, 'code')}`);
    }
    const why = faultOf(row, value);
    if (why !== null) throw new GatewayError('USAGE', `Cannot take ${name} ${display(value)}: ${why}`);
    given[name] = value;
  }
  // Each value was held against its row.
  return given as Config;
}

function fits(row: Setting, value: unknown): value is Value {
  if (row.type === 'switch') return typeof value === 'boolean';
  if (row.type === 'address') return typeof value === 'string' && isBind(value);
  if (row.type === 'text') return typeof value === 'string' && value !== '';
  if (row.type === 'list') return Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (row.type === 'pairs') return isPairs(value);
  if (row.type === 'choice') return typeof value === 'string' && (row.choices?.includes(value) ?? false);
  const { least = 0, most = Number.MAX_SAFE_INTEGER } = row;
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function isPairs(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => typeof one === 'string');
}

function faultOf({ fault }: Setting, value: Value): string | null {
  if (!fault) return null;
  const pairs = isPairs(value) ? Object.entries(value).map((pair) => pair.join('=')) : null;
  for (const one of pairs ?? (Array.isArray(value) ? value : [value])) {
    const why = fault(String(one));
    if (why !== null) return why;
  }
  return null;
}

function unknownOption(name: string): GatewayError {
  const near = nearest(
    name,
    table.map((row) => row.name),
  );
  const hint = near ? `did you mean "${near}"?` : `there are ${table.map((row) => row.name).join(', ')}`;
  return new GatewayError('USAGE', `Unknown option "${name}": ${hint}`);
}

/** What a row wants to be given, as text (a flag or a variable) or in code. */
function expected(row: Setting, place: 'text' | 'code'): string {
  const example = row.default === undefined ? '' : `, such as ${place === 'code' ? row.default : shown(row)}`;
  const { least = 0 } = row;
  const atLeast = least === 0 ? '' : `, ${place === 'code' ? least : shown(row, least)} at least`;
  switch (row.type) {
    case 'choice':
      return `it is one of ${row.choices?.join(', ')}`;
    case 'switch':
      return place === 'code' ? 'it is true or false' : 'it is on or off';
    case 'count':
      return `it is a whole number, ${least} ${row.most === undefined ? 'or more' : `to ${row.most}`}`;
    case 'size':
      return place === 'code'
        ? `it is bytes${atLeast}${example}`
        : `it is a size${atLeast}, such as 16MiB, 512KiB or bytes`;
    case 'duration':
      return place === 'code'
        ? `it is milliseconds${atLeast}, ${row.most ?? longest} at most${example}`
        : `it is a time${atLeast}, ${shown(row, row.most ?? longest)} at most, such as 10s, 500ms or seconds`;
    case 'text':
      return 'it is a text that is not empty';
    case 'list':
      return place === 'code' ? 'it is an array of texts' : 'it is texts with commas between them';
    case 'pairs':
      return place === 'code' ? 'it is an object of texts' : 'it is KEY=VALUE';
    case 'address':
      return 'it is HOST:PORT, [IPv6]:PORT, :PORT or unix:PATH';
    default:
      return row.type satisfies never;
  }
}

function display(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return JSON.stringify(value);
  return typeof value === 'string' ? `"${value}"` : String(value);
}
