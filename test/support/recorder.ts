// A log that a test can read and wait for.
import type { Fields, Level, Log } from '../../src/core/log.ts';

export interface Line {
  readonly level: Exclude<Level, 'silent'>;
  readonly message: string;
  readonly fields: Fields;
}

export class Recorder implements Log {
  readonly level = 'debug';
  readonly lines: Line[] = [];
  #wake: () => void = () => {};

  debug(message: string, fields: Fields = {}): void {
    this.#add({ level: 'debug', message, fields });
  }

  info(message: string, fields: Fields = {}): void {
    this.#add({ level: 'info', message, fields });
  }

  warn(message: string, fields: Fields = {}): void {
    this.#add({ level: 'warn', message, fields });
  }

  error(message: string, fields: Fields = {}): void {
    this.#add({ level: 'error', message, fields });
  }

  /** What is worth a look: warnings and errors. */
  get troubles(): Line[] {
    return this.lines.filter((line) => line.level === 'warn' || line.level === 'error');
  }

  /** Everything that has been logged, with errors' stacks, as one text. */
  get text(): string {
    return this.lines.map(shown).join('\n');
  }

  /** Waits until a line contains `text`, in its message, its fields, or the stacks in them. */
  async until(text: string, ms = 5000): Promise<Line> {
    const deadline = performance.now() + ms;
    for (;;) {
      const line = this.lines.find((each) => shown(each).includes(text));
      if (line) return line;
      const left = deadline - performance.now();
      if (left <= 0)
        throw new Error(`${JSON.stringify(text)} was not logged in ${ms} ms; logged:\n${this.text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  clear(): void {
    this.lines.length = 0;
  }

  #add(line: Line): void {
    this.lines.push(line);
    this.#wake();
  }
}

function shown({ level, message, fields }: Line): string {
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${written(value)}`);
  return [level, message, ...rest].join(' ');
}

function written(value: unknown): string {
  if (!(value instanceof Error)) return typeof value === 'string' ? value : JSON.stringify(value);
  return value.cause === undefined ? `${value.stack}` : `${value.stack}\ncaused by ${written(value.cause)}`;
}
