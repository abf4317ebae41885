// One server of the lab as a child process: started, read for its address, started again when it dies, ended.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { startCommand } from '../core/spawn.ts';
import { warmUp } from './load.ts';
import type { CellState } from './messages.ts';

export interface SubjectOptions {
  readonly name: string;
  readonly log: Log;
  /** Called after each change of `state`. */
  readonly changed: () => void;
}

/** How long it may take to listen, on a machine that starts four of them at once. */
const startDeadline = 30_000;
/** From SIGTERM to SIGKILL. */
const endDeadline = 3_000;
/** Waits before it is started again, one after the other; then it stays down. */
const pauses: readonly number[] = [200, 1_000, 3_000];
/** After so long a life, the pauses begin anew. */
const stable = 10_000;

export class Subject {
  readonly #args: readonly string[];
  readonly #name: string;
  readonly #log: Log;
  readonly #changed: () => void;
  #state: CellState = { name: 'starting' };
  #child: ChildProcess | null = null;
  #gone: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(args: readonly string[], { name, log, changed }: SubjectOptions) {
    this.#args = args;
    this.#name = name;
    this.#log = log;
    this.#changed = changed;
  }

  get state(): CellState {
    return this.#state;
  }

  /** Starts it where it is down; nothing happens where it runs already. */
  start(): void {
    if (this.#child || this.#closed) return;
    clearTimeout(this.#timer);
    this.#turn({ name: 'starting' });
    // The channel is a leash: it breaks when this process dies, however it dies, and the server ends with it.
    const child = startCommand(this.#args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: environment() });
    this.#child = child;
    this.#watch(child);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), endDeadline);
    await this.#gone;
    clearTimeout(late);
  }

  #watch(child: ChildProcess): void {
    const said: string[] = [];
    const began = performance.now();
    const late = setTimeout(() => {
      said.push(`it did not listen within ${startDeadline / 1000} s`);
      child.kill('SIGKILL');
    }, startDeadline);

    const listen = (line: string): void => {
      const [, url] = /Listening on (http:\S+)/.exec(line) ?? [];
      if (!url || child.pid === undefined) return;
      clearTimeout(late);
      void this.#ready(child, { name: 'ready', url, pid: child.pid });
    };
    for (const stream of [child.stdout, child.stderr]) {
      eachLine(stream, (line) => {
        listen(line);
        if (stream === child.stderr) said.splice(0, said.length, ...[...said, line].slice(-20));
      });
    }

    this.#gone = ended(child).then((how) => {
      clearTimeout(late);
      this.#child = null;
      if (this.#closed) return;
      if (performance.now() - began > stable) this.#failures = 0;
      this.#down(`${how}${said.length > 0 ? `: ${said.at(-1)}` : ''}`, said);
    });
  }

  async #ready(child: ChildProcess, state: Extract<CellState, { name: 'ready' }>): Promise<void> {
    await warmUp(state.url);
    if (this.#child === child) this.#turn(state);
  }

  #down(why: string, said: readonly string[]): void {
    const pause = pauses[this.#failures];
    this.#failures += 1;
    this.#log.warn(`The lab's server "${this.#name}" ${why}`, { said });
    if (pause !== undefined) this.#timer = setTimeout(() => this.start(), pause);
    else this.#failures = 0;
    this.#turn({ name: 'down', why, again: pause !== undefined });
  }

  #turn(state: CellState): void {
    this.#state = state;
    this.#changed();
  }
}

/** The user's DUALGATE_* settings are for the user's apps. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DUALGATE_')));
}

function eachLine(stream: Readable | null, listener: (line: string) => void): void {
  if (!stream) throw new GatewayError('THREAD', 'A child was started without its pipes');
  createInterface({ input: stream }).on('line', listener);
}

/** How it ended, in words; resolves after its pipes are read to their ends. */
async function ended(child: ChildProcess): Promise<string> {
  try {
    await once(child, 'close');
  } catch (error) {
    return `could not start (${String(error)})`;
  }
  if (child.signalCode) return `was ended by ${child.signalCode}`;
  return `ended with exit code ${child.exitCode}`;
}
