// The four servers of the lab, each a process of its own: starts them, watches them, ends them.
import { GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Cell, CellId, CellState, Kind } from './messages.ts';
import { Subject } from './subject.ts';

interface Place {
  readonly id: CellId;
  readonly app: Kind;
  readonly server: Kind;
  readonly carrier: string;
}

/** The matrix, row by row: a server, and what it carries. */
export const places: readonly Place[] = [
  { id: 'sync-on-sync', app: 'sync', server: 'sync', carrier: 'sync threads' },
  { id: 'async-on-sync', app: 'async', server: 'sync', carrier: 'sync threads ← async' },
  { id: 'sync-on-async', app: 'sync', server: 'async', carrier: 'async ← sync threads' },
  { id: 'async-on-async', app: 'async', server: 'async', carrier: 'async' },
];

/** Wherever sync calls run: the number that the page explains. */
const threads = 4;

/** The file that a kind of app is in, and that the page shows. */
export function subjectFile(kind: Kind): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./subjects/${kind}.${extension}`, import.meta.url);
}

export class Runner implements AsyncDisposable {
  readonly #subjects: ReadonlyMap<CellId, Subject>;
  readonly #listeners = new Set<() => void>();

  constructor(log: Log) {
    const changed = (): void => {
      for (const listener of this.#listeners) listener();
    };
    this.#subjects = new Map(
      places.map(({ id, app, server, carrier }) => {
        const ref = `${subjectFile(app).href}#app`;
        const args = [
          'serve',
          ref,
          '--bind',
          '127.0.0.1:0',
          '--server',
          server,
          '--threads',
          String(threads),
        ];
        return [
          id,
          new Subject([...args, '--no-access-log', '--log-level', 'warn'], { name: carrier, log, changed }),
        ];
      }),
    );
  }

  /** Starts all four and returns at once: `cells` says how far they are. */
  start(): void {
    for (const subject of this.#subjects.values()) subject.start();
  }

  get cells(): Cell[] {
    return places.map((place) => ({ ...place, threads, state: this.#subject(place.id).state }));
  }

  state(id: CellId): CellState {
    return this.#subject(id).state;
  }

  /** Starts one that has given up. */
  restart(id: CellId): void {
    this.#subject(id).start();
  }

  /** Calls `listener` at each change of a state, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Ends all four; resolves when their processes are gone. Safe to call twice. */
  async close(): Promise<void> {
    await Promise.all([...this.#subjects.values()].map((subject) => subject.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #subject(id: CellId): Subject {
    const subject = this.#subjects.get(id);
    if (!subject) throw new GatewayError('USAGE', `There is no cell "${id}"`);
    return subject;
  }
}
