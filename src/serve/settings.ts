// The settings, one row each: flags, variables, the Config type, --help and docs/reference/settings.md come out of it.

/** One setting. A row without a default gets it from the app's kind; `help` says what then holds. */
export interface Setting {
  /** Its key in Config. */
  readonly name: string;
  /** The first one is printed everywhere; the others are what people know from gunicorn and uvicorn. */
  readonly flags: readonly string[];
  readonly variable: string;
  /** size: bytes, `16MiB`. duration: milliseconds in code; elsewhere a bare number is seconds, or `500ms`, `2m`. */
  readonly type: 'address' | 'choice' | 'switch' | 'count' | 'size' | 'duration';
  readonly choices?: readonly string[];
  readonly default?: string | number | boolean;
  /** A count's or a duration's largest value. */
  readonly most?: number;
  /** How --help calls the value. */
  readonly value?: string;
  /** One sentence, what it does for the reader. */
  readonly help: string;
  readonly group: 'What is served' | 'Where and how' | 'Limits' | 'Log';
}

/** A duration's largest value, 24 days in ms: beyond 2^31 ms Node's timers go off at once. */
export const longest = 2_073_600_000;

export const settings = [
  {
    name: 'interface',
    flags: ['--interface'],
    variable: 'DUALGATE_INTERFACE',
    type: 'choice',
    choices: ['auto', 'sync', 'async'],
    default: 'auto',
    help: 'Which contract the app speaks; auto looks at its parameters and says what it found',
    group: 'What is served',
  },
  {
    name: 'factory',
    flags: ['--factory'],
    variable: 'DUALGATE_FACTORY',
    type: 'switch',
    default: false,
    help: 'The export makes the app: it is called without arguments, once a thread, and may be async',
    group: 'What is served',
  },
  {
    name: 'lifespan',
    flags: ['--lifespan'],
    variable: 'DUALGATE_LIFESPAN',
    type: 'choice',
    choices: ['auto', 'on', 'off'],
    default: 'auto',
    help: 'Tell an async app of startup and shutdown: on makes its failure fatal, auto serves it without',
    group: 'What is served',
  },
  {
    name: 'bind',
    flags: ['--bind', '-b'],
    variable: 'DUALGATE_BIND',
    type: 'address',
    default: '127.0.0.1:8000',
    value: 'ADDRESS',
    help: 'Where to listen: HOST:PORT, [IPv6]:PORT, :PORT (this machine only) or unix:PATH; port 0 takes a free one',
    group: 'Where and how',
  },
  {
    name: 'server',
    flags: ['--server'],
    variable: 'DUALGATE_SERVER',
    type: 'choice',
    choices: ['auto', 'sync', 'async'],
    default: 'auto',
    help: "Which server runs the app; auto takes the one of the app's own kind, the other one needs a bridge",
    group: 'Where and how',
  },
  {
    name: 'threads',
    flags: ['--threads'],
    variable: 'DUALGATE_THREADS',
    type: 'count',
    most: 512,
    value: 'NUMBER',
    help: 'Threads for sync calls, 4 unless told otherwise; 0 makes them on the event loop, one at a time',
    group: 'Where and how',
  },
  {
    name: 'queue',
    flags: ['--queue'],
    variable: 'DUALGATE_QUEUE',
    type: 'count',
    most: 1000000,
    default: 2048,
    value: 'NUMBER',
    help: 'Sync calls that may wait for a free thread; the next one is answered 503 with Retry-After',
    group: 'Limits',
  },
  {
    name: 'maxBody',
    flags: ['--max-body'],
    variable: 'DUALGATE_MAX_BODY',
    type: 'size',
    default: 1073741824,
    value: 'SIZE',
    help: 'Largest request body in bytes, or as 16MiB; a larger one is answered 413',
    group: 'Limits',
  },
  {
    name: 'grace',
    flags: ['--grace', '--graceful-timeout', '--timeout-graceful-shutdown'],
    variable: 'DUALGATE_GRACE',
    type: 'duration',
    default: 10000,
    most: 2073600000,
    value: 'TIME',
    help: 'How long running requests may take to finish after SIGINT or SIGTERM, before they are cut',
    group: 'Limits',
  },
  {
    name: 'accessLog',
    flags: ['--access-log'],
    variable: 'DUALGATE_ACCESS_LOG',
    type: 'switch',
    default: true,
    help: 'One line a request on standard output',
    group: 'Log',
  },
  {
    name: 'logLevel',
    flags: ['--log-level'],
    variable: 'DUALGATE_LOG_LEVEL',
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    help: 'The least important kind of line that is written to standard error',
    group: 'Log',
  },
  {
    name: 'logFormat',
    flags: ['--log-format'],
    variable: 'DUALGATE_LOG_FORMAT',
    type: 'choice',
    choices: ['auto', 'text', 'json'],
    default: 'auto',
    help: 'How those lines look: auto is text on a terminal and JSON elsewhere',
    group: 'Log',
  },
] as const;

/** The same rows, as one type; refuses a row that is not a Setting. */
export const table: readonly Setting[] = settings;

type Row = (typeof settings)[number];
export type SettingName = Row['name'];

type ValueOf<R extends Row> = R extends { readonly type: 'choice' }
  ? R['choices'][number]
  : R extends { readonly type: 'switch' }
    ? boolean
    : R extends { readonly type: 'address' }
      ? string
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
