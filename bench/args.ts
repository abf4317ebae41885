// What a script of the bench is told: read once, refused where it says something that the script does not know.
import { type ParseArgsConfig, parseArgs } from 'node:util';

export interface Rules {
  /** `npm run bench -- [--rounds 12] …`: shown where something is refused. */
  readonly usage: string;
  /** Options whose value is a number above 0. */
  readonly numbers?: readonly string[];
  /** Options whose value must be in one of these names. */
  readonly partOf?: Readonly<Record<string, readonly string[]>>;
  /** Options whose value must be one of these. */
  readonly oneOf?: Readonly<Record<string, readonly string[]>>;
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ readonly options: O; readonly args: string[]; readonly strict: true }>
>['values'];

/** The options of this process. Where they cannot be read it says why, and how they are written, and ends with 2. */
export function readArgs<const O extends Options>(options: O, rules: Rules): Values<O> {
  try {
    const { values } = parseArgs({ options, args: process.argv.slice(2), strict: true });
    check(values as Record<string, unknown>, rules);
    return values;
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    process.stderr.write(`${why}\n  ${rules.usage}\n`);
    process.exit(2);
  }
}

function check(values: Record<string, unknown>, { numbers = [], partOf = {}, oneOf = {} }: Rules): void {
  for (const name of numbers) {
    const value = values[name];
    if (value !== undefined && !(Number(value) > 0 && Number.isFinite(Number(value))))
      throw new Error(`Cannot read --${name} "${String(value)}": give a number above 0`);
  }
  for (const [name, names] of Object.entries(partOf)) {
    for (const part of [values[name] ?? []].flat()) {
      if (!names.some((one) => one.includes(String(part)))) throw unknown(name, part, names);
    }
  }
  for (const [name, names] of Object.entries(oneOf)) {
    for (const one of [values[name] ?? []].flat()) {
      if (!names.includes(String(one))) throw unknown(name, one, names);
    }
  }
}

function unknown(name: string, given: unknown, names: readonly string[]): Error {
  return new Error(`Nothing is called "${String(given)}" for --${name}: there are ${names.join('; ')}`);
}
