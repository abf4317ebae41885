// The settings, one row each: flags, variables, the Config type, --help and docs/reference/settings.md come out of it.
import { appRows } from './rows/app.ts';
import { limitsRows } from './rows/limits.ts';
import { logRows } from './rows/log.ts';
import { placeRows } from './rows/place.ts';
import { proxiesRows } from './rows/proxies.ts';
import { threadsRows } from './rows/threads.ts';
import { tlsRows } from './rows/tls.ts';

/** One setting. A row without a default gets it from the app's kind; `help` says what then holds. */
export interface Setting {
  /** Its key in Config. */
  readonly name: string;
  /** The first one is printed everywhere; the others are what people know from gunicorn and uvicorn. */
  readonly flags: readonly string[];
  readonly variable: string;
  /**
   * size: bytes, `16MiB`. duration: milliseconds in code; elsewhere a bare number is seconds, or `500ms`, `2m`.
   * list: texts; a flag is repeated for more, a variable has commas between them. pairs: the same with KEY=VALUE, an object in code.
   */
  readonly type: 'address' | 'choice' | 'switch' | 'count' | 'size' | 'duration' | 'text' | 'list' | 'pairs';
  readonly choices?: readonly string[];
  readonly default?: string | number | boolean | readonly string[] | Readonly<Record<string, string>>;
  /** What a text, or one of a list or of pairs (`KEY=VALUE`), has to be; null where it is. Said at the door, before anything starts. */
  readonly fault?: (text: string) => string | null;
  /** A count's, a size's or a duration's smallest value; 0 where it is left out. */
  readonly least?: number;
  /** A count's or a duration's largest value. */
  readonly most?: number;
  /** A text or a list that is right, where there is no default. */
  readonly example?: string;
  /** How --help calls the value. */
  readonly value?: string;
  /** One sentence, what it does for the reader. */
  readonly help: string;
  readonly group: 'What is served' | 'Where and how' | 'Threads' | 'Limits' | 'Proxies' | 'TLS' | 'Log';
}

/** A duration's largest value, 24 days in ms: beyond 2^31 ms Node's timers go off at once. */
export const longest = 2_073_600_000;

type Rows = [
  ...typeof appRows,
  ...typeof placeRows,
  ...typeof threadsRows,
  ...typeof limitsRows,
  ...typeof proxiesRows,
  ...typeof tlsRows,
  ...typeof logRows,
];

/** All rows, in the order in which --help and the docs print them; refuses a row that is not a Setting. */
export const table: readonly Setting[] = [
  ...appRows,
  ...placeRows,
  ...threadsRows,
  ...limitsRows,
  ...proxiesRows,
  ...tlsRows,
  ...logRows,
];

type Row = Rows[number];
export type SettingName = Row['name'];

type ValueOf<R extends Row> = R extends { readonly type: 'choice' }
  ? R['choices'][number]
  : R extends { readonly type: 'switch' }
    ? boolean
    : R extends { readonly type: 'address' | 'text' }
      ? string
      : R extends { readonly type: 'list' }
        ? readonly string[]
        : R extends { readonly type: 'pairs' }
          ? Readonly<Record<string, string>>
          : number;

type Defaulted = Extract<Row, { readonly default: unknown }>['name'];

/**
 * What can be said in code: every setting may be left out. Sizes are bytes and times are milliseconds.
 * docs/reference/settings.md has each of them.
 */
export type Config = { readonly [R in Row as R['name']]?: ValueOf<R> };

/** After defaults, environment, flags and code were merged: everything is there but what has no default. */
export type Settled = Required<Pick<Config, Defaulted>> & Omit<Config, Defaulted>;

/** The flag that says no: `--no-access-log`. */
export function negative(flag: string): string {
  return `--no-${flag.slice(2)}`;
}

export function settingOf(flag: string): Setting | undefined {
  return table.find((row) => row.flags.includes(flag));
}

/** A default as people write it: `10s`, `1GiB`, `on`. */
export function shown(row: Setting, value: unknown = row.default): string {
  if (value === undefined) return '';
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const pairs = Object.entries(value).map(([key, text]) => `${key}=${text}`);
    return pairs.length === 0 ? 'none' : pairs.join(',');
  }
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(',');
  if (row.type === 'switch') return value === true ? 'on' : 'off';
  if (row.type === 'duration') return inUnits(Number(value), durations);
  if (row.type === 'size') return inUnits(Number(value), sizes);
  return String(value);
}

/** Largest first: how much one of the unit is, in milliseconds. */
export const durations: readonly (readonly [unit: string, worth: number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** Largest first: how much one of the unit is, in bytes. */
export const sizes: readonly (readonly [unit: string, worth: number])[] = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
];

function inUnits(value: number, units: typeof sizes): string {
  const [unit, worth] = units.find(([, each]) => value >= each && value % each === 0) ?? ['', 1];
  return `${value / worth}${unit}`;
}
