// argv by the settings table: flags to a Config, the rest as it stands.
import { GatewayError } from '../core/errors.ts';
import { parseValue, type Value } from '../serve/config.ts';
import { nearest } from '../serve/nearest.ts';
import { type Config, negative, type Setting, type SettingName, table } from '../serve/settings.ts';

export interface Args {
  readonly rest: readonly string[];
  readonly config: Config;
  readonly help: boolean;
}

/** What people type who come from other servers, and what it is called here. */
const elsewhere: Readonly<Record<string, string>> = {
  '--host': '--bind HOST:PORT',
  '--port': '--bind :PORT',
  '-p': '--bind :PORT',
  '--uds': '--bind unix:PATH',
  '--workers': '--threads NUMBER',
  '-w': '--threads NUMBER',
  '--proxy-headers': '--trusted-proxies LIST',
};

/**
 * Reads `--name value`, `--name=value`, `-b value`, `-bvalue`, `--switch`, `--switch off`, `--no-switch`; `--` ends the flags; of a
 * repeated flag the last holds, but a list takes all, and so do pairs. `names` are the settings that this command takes. Throws GatewayError USAGE.
 */
export function parseArgs(argv: readonly string[], names?: readonly SettingName[]): Args {
  const rows = table.filter((row) => !names || names.some((name) => name === row.name));
  const config: Record<string, Value> = {};
  const rest: string[] = [];
  let help = false;
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      rest.push(...words.splice(0));
    } else if (word === '--help' || word === '-h') {
      help = true;
    } else if (/^-./.test(word)) {
      const { row, flag, text } = flagOf(word, rows);
      const said = text === true && /^(on|off)$/.test(words[0] ?? '') ? words.shift() === 'on' : text;
      const value = typeof said === 'boolean' ? said : parseValue(row, said ?? taken(words, row, flag), flag);
      const before = config[row.name];
      config[row.name] = before === undefined ? value : together(before, value);
    } else {
      rest.push(word);
    }
  }
  // parseValue answers with the row's type, and a switch takes a boolean.
  return { rest, config: config as Config, help };
}

/** A list and pairs take all that is said; of anything else the last holds. */
function together(before: Value, value: Value): Value {
  if (Array.isArray(before) && Array.isArray(value)) return [...before, ...value];
  // A row's values are of one type: where one is pairs, both are.
  if (typeof before === 'object' && typeof value === 'object') return { ...before, ...value } as Value;
  return value;
}

interface Flag {
  readonly row: Setting;
  readonly flag: string;
  /** What it says by itself; undefined where the next word is its value. */
  readonly text: string | boolean | undefined;
}

function flagOf(word: string, rows: readonly Setting[]): Flag {
  const { flag, text } = halves(word);
  for (const row of rows) {
    if (row.flags.includes(flag)) return { row, flag, text: text ?? (row.type === 'switch' || undefined) };
    if (row.type !== 'switch' || !row.flags.some((one) => negative(one) === flag)) continue;
    if (text === undefined) return { row, flag, text: false };
    throw new GatewayError('USAGE', `Cannot read ${flag}=${text}: ${flag} takes no value`);
  }
  throw unknownFlag(flag, rows);
}

/** `--bind=:0` and `-b:0` are a flag and its text. */
function halves(word: string): { flag: string; text: string | undefined } {
  const long = word.startsWith('--');
  const equals = long ? word.indexOf('=') : -1;
  const end = long ? equals : 2;
  if (end < 0 || end >= word.length) return { flag: word, text: undefined };
  return { flag: word.slice(0, end), text: word.slice(end + (long ? 1 : 0)) };
}

/** The next word as a flag's value; another flag is none. */
function taken(words: string[], row: Setting, flag: string): string {
  const next = words.shift();
  if (next !== undefined && !/^--?[a-z]/.test(next)) return next;
  const form = row.value ?? row.choices?.join('|') ?? 'VALUE';
  throw new GatewayError('USAGE', `Cannot read ${flag}: it needs a value, ${flag} ${form}`);
}

function unknownFlag(flag: string, rows: readonly Setting[]): GatewayError {
  const flags = rows.flatMap((row) => [
    ...row.flags,
    ...(row.type === 'switch' ? row.flags.map(negative) : []),
  ]);
  if (table.some((row) => row.flags.includes(flag)))
    return new GatewayError(
      'USAGE',
      `Unknown flag "${flag}": dualgate serve takes it, this command does not`,
    );
  const hint = elsewhere[flag] ?? nearest(flag, [...flags.filter((one) => one.startsWith('--')), '--help']);
  return new GatewayError(
    'USAGE',
    `Unknown flag "${flag}": ${hint ? `did you mean ${hint}?` : 'see --help for those that there are'}`,
  );
}
