// What lint() says of one call: a violation names its clause, the value, and the line of the app.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ContractError } from '../core/errors.ts';
import { placeOf } from '../core/place.ts';
import type { Clause, ErrorStream } from './interface.ts';

/** A clause that was broken, as lint() saw it. */
export class Violation extends ContractError {
  /** `app.ts:12:3`, the app's own line: the one that did it, or the last one that was seen; null where none was. */
  readonly place: string | null;
  /** What broke it is unwise rather than wrong: such a one is never thrown. */
  readonly warning: boolean;

  constructor(
    clause: Clause,
    message: string,
    { place, warning }: { place: string | null; warning: boolean },
  ) {
    super(clause, place === null ? message : `${message} (${place})`);
    this.stack = withoutLint(this.stack ?? '');
    this.place = place;
    this.warning = warning;
  }
}

export interface LintOptions {
  /** Takes every violation, warnings too: then none is thrown, and the call goes on as it can. */
  readonly report?: (violation: Violation) => void;
  /** Takes the warnings; without it they are lines in wsgi.errors. */
  readonly warn?: (warning: Violation) => void;
}

export class Verdict {
  readonly #options: LintOptions;
  readonly #errors: ErrorStream | undefined;
  /** The app is on the stack, above whoever called it. */
  running = 0;
  /** Its last line that was seen there. */
  #place: string | null = null;

  constructor(options: LintOptions, errors: unknown) {
    this.#options = options;
    this.#errors = isErrorStream(errors) ? errors : undefined;
  }

  /** Throws the violation, or hands it to `report`: whoever calls goes on where that is so. */
  fault(clause: Clause, message: string): void {
    const violation = new Violation(clause, message, { place: this.look(), warning: false });
    if (!this.#options.report) throw violation;
    this.#options.report(violation);
  }

  warn(clause: Clause, message: string): void {
    const { report, warn } = this.#options;
    const warning = new Violation(clause, message, { place: this.look(), warning: true });
    if (report) report(warning);
    else if (warn) warn(warning);
    else this.#errors?.write(`Lint: ${warning.message}\n`);
  }

  /** Where the app is now, or was when it was last seen: what it returned is looked at when it is off the stack. */
  look(): string | null {
    if (this.running === 0) return this.#place;
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 50;
    const found = placeOf(new Error('here').stack ?? '');
    Error.stackTraceLimit = before;
    if (found !== undefined) this.#place = brief(found);
    return this.#place;
  }
}

/** A value as a violation shows it: short, in quotes, control characters escaped. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${String(value)}`;
}

/** The frames of lint() itself tell nobody anything. */
function withoutLint(stack: string): string {
  const lines = stack.split('\n');
  return lines.filter((line) => !line.includes(here.href) && !line.includes(fileURLToPath(here))).join('\n');
}

/** How the names of all its files begin. */
const here = new URL('./lint', import.meta.url);

/** Within the working directory, from there. */
function brief(place: string): string {
  const near = relative(process.cwd(), place);
  return near.startsWith('..') ? place : near;
}

function isErrorStream(value: unknown): value is ErrorStream {
  return typeof value === 'object' && value !== null && 'write' in value && typeof value.write === 'function';
}
