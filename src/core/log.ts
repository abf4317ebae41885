// Lines for people on a terminal, JSON elsewhere: pino behind our levels.
import { type DestinationStream, pino } from 'pino';

import { writeWhole } from './stdio.ts';

export const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type Level = (typeof levels)[number];
export type Fields = Readonly<Record<string, unknown>>;

/** `fields.error` is printed with its stack and its causes. */
export interface Log {
  readonly level: Level;
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

export interface LogOptions {
  level?: Level;
  /** `text` for people, `json` for machines; the default is text on a terminal, JSON elsewhere. */
  format?: 'text' | 'json';
  /** File descriptor; 2, standard error, by default. */
  fd?: number;
}

/** A log that writes each line before it returns, so that none is lost when the process ends. */
export function createLog({ level = 'info', format, fd = 2 }: LogOptions = {}): Log {
  const style = format ?? (process.stderr.isTTY ? 'text' : 'json');
  const destination: DestinationStream = {
    write: (line) => writeWhole(fd, style === 'text' ? forPeople(line) : line),
  };
  const logger = pino(
    {
      level,
      base: null,
      serializers: { error: pino.stdSerializers.err },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
  const at =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: Fields = {}): void =>
      logger[name](fields, message);
  return { level, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export const silent: Log = { level: 'silent', debug() {}, info() {}, warn() {}, error() {} };

const names: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };
const colours: Readonly<Record<number, string>> = { 20: '2', 30: '36', 40: '33', 50: '31' };

/** One pino line as a person reads it: time, level, message, fields, and an error's stack below. */
function forPeople(line: string): string {
  // pino wrote this line from the fields above.
  const { level, time, msg, error, ...fields } = JSON.parse(line) as {
    level: number;
    time: string;
    msg?: string;
    error?: { stack?: string; message?: string };
  };
  const name = (names[level] ?? String(level)).padEnd(5);
  const painted =
    process.stderr.isTTY && !process.env['NO_COLOR']
      ? `\u001b[${colours[level] ?? '0'}m${name}\u001b[0m`
      : name;
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const stack = error ? `\n  ${(error.stack ?? error.message ?? '').replaceAll('\n', '\n  ')}` : '';
  return `${time.slice(11, 23)} ${painted} ${[msg ?? '', ...rest].join(' ')}${stack}\n`;
}
