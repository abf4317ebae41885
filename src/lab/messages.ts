// What the lab and its page say to each other: cells, answers, and the events of a race. No code.

export type Kind = 'sync' | 'async';
/** The app's kind, then its server's. */
export type CellId = `${Kind}-on-${Kind}`;

/** One field of the 2 × 2 matrix: a server of its own, in a process of its own. */
export interface Cell {
  readonly id: CellId;
  readonly app: Kind;
  readonly server: Kind;
  /** As the tests and the docs call it: the server, then what it carries. */
  readonly carrier: string;
  /** Where its sync calls run, if it has any. */
  readonly threads: number;
  readonly state: CellState;
}

export type CellState =
  | { readonly name: 'starting' }
  | { readonly name: 'ready'; readonly url: string; readonly pid: number }
  /** `again`: it is started again by itself; else somebody must ask for it. */
  | { readonly name: 'down'; readonly why: string; readonly again: boolean };

/** What came of one request; `ms` is the time from its first byte out to its last byte in. */
export type Answer =
  | {
      readonly ok: true;
      readonly ms: number;
      readonly status: number;
      readonly reason: string;
      /** Who ran the app: `loop`, `thread 2`, `loop thread`. */
      readonly lane: string;
      readonly body: string;
    }
  | { readonly ok: false; readonly ms: number; readonly why: string };

/** POST /api/send */
export interface SendOrder {
  readonly cell: CellId;
  readonly path: string;
}

/** POST /api/race: `requests` at once at each cell, each of which waits `wait` ms. */
export interface RaceOrder {
  readonly cells: readonly CellId[];
  readonly requests: number;
  readonly wait: number;
}

/** The answer to it: one of these a line, as they happen. `at` is in ms since the first request left. */
export type RaceEvent =
  | {
      readonly kind: 'begin';
      readonly cells: readonly CellId[];
      readonly requests: number;
      readonly wait: number;
    }
  | {
      readonly kind: 'answer';
      readonly cell: CellId;
      readonly number: number;
      readonly at: number;
      readonly answer: Answer;
    }
  | { readonly kind: 'end'; readonly requests: number; readonly wait: number };

/** GET /api/code: the files that run, as they run. */
export type Code = Readonly<Record<Kind, { readonly file: string; readonly text: string }>>;
