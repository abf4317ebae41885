// One line a request, made from trace events: for people on a terminal, in the common log format elsewhere.
import { writeWhole } from '../core/stdio.ts';
import { subscribe, type TraceEvent } from '../core/trace.ts';

export interface AccessLogOptions {
  /** File descriptor; 1, standard output, by default. */
  readonly fd?: number;
  /** Lines for people; by default where the file descriptor is a terminal. */
  readonly people?: boolean;
}

/** What is known of a request that still runs, and of one that ended. */
interface Entry {
  readonly began: number;
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly client: string;
  status: number;
  lane: string;
}
interface Ended extends Entry {
  readonly ms: number;
  readonly bytes: number;
  readonly error: string | undefined;
}

/**
 * Writes the requests of this process until the returned function is called. Two that write to one place share a
 * writer, so that each request has one line. Lines are written a turn of the event loop at a time, and at the
 * process's exit at the latest: none is lost but by a kill.
 */
export function startAccessLog(options: AccessLogOptions = {}): () => void {
  const { fd = 1, people = fd === 1 && process.stdout.isTTY } = options;
  const writer = writers.get(fd) ?? { stop: startWriter(fd, people ? forPeople : common), users: 0 };
  writers.set(fd, writer);
  writer.users += 1;
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    writer.users -= 1;
    if (writer.users > 0) return;
    writers.delete(fd);
    writer.stop();
  };
}

const writers = new Map<number, { readonly stop: () => void; users: number }>();

function startWriter(fd: number, lineOf: (entry: Ended, now: Date) => string): () => void {
  const entries = new Map<string, Entry>();
  let lines = '';
  const flush = (): void => {
    if (lines) writeWhole(fd, lines);
    lines = '';
  };
  const unsubscribe = subscribe((event) => {
    const ended = follow(entries, event);
    if (!ended) return;
    if (!lines) setImmediate(flush);
    lines += lineOf(ended, new Date());
  });
  process.on('exit', flush);
  return () => {
    unsubscribe();
    process.off('exit', flush);
    flush();
  };
}

/** Takes one event in; answers with the request that it ended. */
function follow(entries: Map<string, Entry>, event: TraceEvent): Ended | undefined {
  if (event.kind === 'request') {
    const { method, target, version, client, lane, at } = event;
    entries.set(event.id, { began: at, method, target, version, client, lane, status: 0 });
    return undefined;
  }
  const entry = entries.get(event.id);
  if (!entry) return undefined;
  if (event.kind === 'response') entry.status = event.status;
  if (event.kind === 'app.enter') entry.lane = event.lane;
  if (event.kind !== 'end') return undefined;
  entries.delete(event.id);
  const { bytes, error } = event;
  // what ends well without an answer gave its socket away
  const status = entry.status === 0 && error === undefined ? 101 : entry.status;
  return { ...entry, status, ms: event.at - entry.began, bytes, error };
}

/** `127.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326 3.1ms "thread 1"`; a status of - was cut. */
function common(entry: Ended, now: Date): string {
  const { method, target, version, status, bytes, ms, lane, error } = entry;
  const host = entry.client.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') || '-';
  const request = quoted(`${method} ${target} HTTP/${version}`);
  const cut = error === undefined ? '' : ` ${quoted(error)}`;
  return `${host} - - [${clock(now)}] ${request} ${status || '-'} ${bytes} ${ms.toFixed(1)}ms ${quoted(lane)}${cut}\n`;
}

/** `13:55:36 200 GET /a  2.3 KiB  3 ms  thread 1`, coloured by its status. */
function forPeople(entry: Ended, now: Date): string {
  const { method, target, status, bytes, ms, lane, error } = entry;
  const time = now.toTimeString().slice(0, 8);
  const size = bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`;
  const cut = error === undefined ? '' : paint(31, `  ${escaped(error)}`);
  const end = paint(2, `  ${size}  ${ms.toFixed(ms < 10 ? 1 : 0)} ms  ${lane}`);
  return `${paint(2, time)} ${paint(colourOf(status), status ? String(status) : '---')} ${method} ${escaped(target)}${end}${cut}\n`;
}

function colourOf(status: number): number {
  if (status === 0 || status >= 500) return 31;
  return status >= 400 ? 33 : 32;
}

function paint(colour: number, text: string): string {
  return process.env['NO_COLOR'] ? text : `\u001b[${colour}m${text}\u001b[0m`;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\\u0000-\u001f\u007f-\u009f]/g, inHex)}"`;
}

/** Nothing that a client sends moves the cursor or ends the line. */
function escaped(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, inHex);
}

function inHex(sign: string): string {
  return `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** UTC, as Apache's %t. */
function clock(now: Date): string {
  const day = String(now.getUTCDate()).padStart(2, '0');
  const time = now.toISOString().slice(11, 19);
  return `${day}/${months[now.getUTCMonth()]}/${now.getUTCFullYear()}:${time} +0000`;
}
