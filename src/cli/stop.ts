// From start to stop: runs a server until SIGINT or SIGTERM, lets it finish, and cuts it short at the second signal.
import { setTimeout as after } from 'node:timers/promises';

import { asError, Disconnected, type GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { writeWhole } from '../core/stdio.ts';

export interface Running {
  readonly url: string;
  /** Lets running requests finish, within its own grace. */
  close(): Promise<void>;
  /** It should be replaced by another process. */
  readonly unfit?: Promise<GatewayError>;
  /** After close(): threads are left that the process would wait for. */
  readonly stuck?: boolean;
}

/** The exit code of a process whose threads ran out. */
const unfitCode = 4;

/** npm and npx deliver Ctrl-C twice: a second signal is one that comes this many ms later. */
const again = 1000;
/** How long a start that was told to stop may take to end well, ms. */
const patience = 1000;

/**
 * Starts, says `Listening on URL` on standard output, and answers with the exit code once stopped: 0 where all ended
 * well, 1 where it was cut short, 4 where its threads ran out. Signals are heard before the start, so that none kills it half way. Rejects when
 * the start does.
 */
export async function runUntilStopped(start: () => Promise<Running>, log: Log): Promise<number> {
  surviveErrors(log);
  const { asked, forced } = hearSignals();
  const starting = start();
  const first = await Promise.race([starting, asked]);
  if (typeof first === 'string') log.info(`${first}: stopping before the app has started`);
  const running = typeof first === 'string' ? await Promise.race([starting, after(patience)]) : first;
  if (!running) return 0;
  if (typeof first !== 'string') writeWhole(1, `Listening on ${running.url}\n`);
  const unfit = running.unfit?.then(() => null) ?? asked;
  const signal = await Promise.race([asked, unfit]);
  log.info(`${signal ?? 'Unfit'}: stopping; running requests may finish`);
  const code = await Promise.race([finish(running, log), forced.then((second) => cut(second, log))]);
  if (running.stuck) leaveThreads(log);
  return signal === null ? unfitCode : code;
}

/** process.exit() waits for every thread, and nothing ends a native call: a supervisor would wait as well. */
function leaveThreads(log: Log): void {
  log.error('The process ends itself by SIGKILL, because threads are left that it cannot end');
  process.kill(process.pid, 'SIGKILL');
}

async function finish(running: Running, log: Log): Promise<number> {
  try {
    await running.close();
    log.info('Stopped');
    return 0;
  } catch (error) {
    log.error('Could not stop well', { error: asError(error) });
    return 1;
  }
}

function cut(signal: string, log: Log): number {
  log.warn(`${signal} again: cut short`);
  return 1;
}

/** The first signal, and a later one. Both stay heard to the end: the default would kill. */
function hearSignals(): { asked: Promise<string>; forced: Promise<string> } {
  let first: number | undefined;
  let ask = (_signal: string): void => {};
  let force = (_signal: string): void => {};
  const asked = new Promise<string>((resolve) => {
    ask = resolve;
  });
  const forced = new Promise<string>((resolve) => {
    force = resolve;
  });
  const hear = (signal: string): void => {
    const now = performance.now();
    if (first === undefined) ask(signal);
    else if (now - first >= again) force(signal);
    first ??= now;
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  // a parent that opened a channel has ended, however it ended
  if (process.connected) process.once('disconnect', () => hear('The parent is gone'));
  return { asked, forced };
}

/**
 * What an app throws outside of any request (a timer, a promise that nobody awaits) is logged with its stack, and the
 * server lives on: other requests have no part in it. Python's event loop does the same.
 */
function surviveErrors(log: Log): void {
  process.on('uncaughtException', (thrown: unknown, origin) => {
    const error = asError(thrown);
    if (error instanceof Disconnected)
      log.debug('A send that nobody awaited met a closed connection', { error });
    else if (origin === 'unhandledRejection')
      log.error('A promise was rejected, and nobody handles it', { error });
    else log.error('An error was thrown outside of any request', { error });
  });
}
