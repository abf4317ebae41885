// The command as a user runs it: a child process, its two streams, its exit code, and a deadline on every wait.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('../../', import.meta.url));

/** How long a wait may take, in milliseconds. */
const patience = 20_000;

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** The project's own folder by default. */
  readonly cwd?: string;
  /** With a channel to this process. */
  readonly ipc?: boolean;
  /** Where dualgate is: this one by default. */
  readonly root?: string;
}

export class Command implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #wake: () => void = () => {};
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const { env = {}, cwd = home, ipc = false, root = home } = options;
    const clean = Object.entries(process.env).filter(([name]) => !/^(DUALGATE|NODE_|VITEST)/.test(name));
    this.#child = spawn(process.execPath, [join(root, 'bin/dualgate.js'), ...args], {
      cwd,
      env: { ...Object.fromEntries(clean), DUALGATE_SOURCE: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    // not 'close', which never comes where the channel was ended from here
    const { stdout, stderr } = this.#child;
    const ends = [stdout, stderr].map((stream) => stream && once(stream, 'end'));
    this.#exited = Promise.all([once(this.#child, 'exit'), ...ends]);
    this.#exited.then(
      () => this.#wake(),
      () => this.#wake(),
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the channel, as a parent that dies does. */
  abandon(): void {
    this.#child.disconnect();
  }

  /** The URL that it listens on. */
  async listening(): Promise<string> {
    const [, url = ''] = await this.said('stdout', /^Listening on (https?:\/\/\S+)$/m);
    return url;
  }

  /** Waits until a stream has said it; rejects where the command ends before. */
  async said(stream: 'stdout' | 'stderr', what: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + patience;
    for (;;) {
      const found = what.exec(this[stream]);
      if (found) return found;
      if (this.#child.exitCode !== null) throw this.#unheard(`ended with ${this.#child.exitCode}`, what);
      if (Date.now() > deadline) throw this.#unheard('was silent', what);
      await this.#news(deadline - Date.now());
    }
  }

  /** The exit code, or the signal that killed it; SIGKILL where it had to be ended here. */
  async exit(): Promise<number | string | null> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    await this.#exited;
    clearTimeout(late);
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #news(ms: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const late = setTimeout(resolve, Math.max(0, ms));
      this.#wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }

  #unheard(why: string, what: RegExp): Error {
    return new Error(`The command ${why} before it said ${what}:\n${this.stdout}${this.stderr}`);
  }
}
