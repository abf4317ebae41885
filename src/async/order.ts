// Which event may follow which: a table a protocol. The server refuses by it.
import { ContractError } from '../core/errors.ts';
import { checkEvent } from './events.ts';
import type { Clause, Protocol, SendEvent } from './interface.ts';

/** One state: what may come in it, where that leads, and what to say to anything else. */
interface Stage<S extends string> {
  readonly next: Readonly<Record<string, S | ((event: SendEvent) => S)>>;
  readonly clause: Clause;
  readonly because: string;
}
/** A state that is over: what comes now is ignored, even where it is malformed (A-33: "later messages are ignored"). */
type Over = 'over';

export interface Table<P extends Protocol, S extends string> {
  readonly protocol: P;
  readonly stages: { readonly [state in S]: Stage<S> | Over };
}

const goesOn = (event: SendEvent): boolean => 'more_body' in event && event.more_body === true;

export const http: Table<'http', 'fresh' | 'headed' | 'done'> = {
  protocol: 'http',
  stages: {
    fresh: {
      next: { 'http.response.start': 'headed' },
      clause: 'A-31',
      because: 'no http.response.start came before it',
    },
    headed: {
      next: { 'http.response.body': (event) => (goesOn(event) ? 'headed' : 'done') },
      clause: 'A-31',
      because: 'http.response.start came already, and only http.response.body may follow',
    },
    done: 'over',
  },
};

export const websocket: Table<'websocket', 'connecting' | 'open' | 'denying' | 'closed'> = {
  protocol: 'websocket',
  stages: {
    connecting: {
      next: {
        'websocket.accept': 'open',
        'websocket.close': 'closed',
        'websocket.http.response.start': 'denying',
      },
      clause: 'A-51',
      because: 'the socket is not accepted yet',
    },
    open: {
      next: { 'websocket.send': 'open', 'websocket.close': 'closed' },
      clause: 'A-52',
      because: 'the socket is accepted already, and only websocket.send and websocket.close may follow',
    },
    denying: {
      next: { 'websocket.http.response.body': (event) => (goesOn(event) ? 'denying' : 'closed') },
      clause: 'A-80',
      because: 'the socket is being denied, and only websocket.http.response.body may follow',
    },
    closed: 'over',
  },
};

export const lifespan: Table<'lifespan', 'starting' | 'started' | 'stopping' | 'done'> = {
  protocol: 'lifespan',
  stages: {
    starting: {
      next: { 'lifespan.startup.complete': 'started', 'lifespan.startup.failed': 'done' },
      clause: 'A-70',
      because: 'the app has not started yet',
    },
    started: {
      next: {},
      clause: 'A-73',
      because: 'the app has started already, and lifespan.shutdown has not come yet',
    },
    stopping: {
      next: { 'lifespan.shutdown.complete': 'done', 'lifespan.shutdown.failed': 'done' },
      clause: 'A-73',
      because: 'the app is shutting down',
    },
    done: 'over',
  },
};

/** Follows one connection through its table. */
export class Order<P extends Protocol, S extends string> {
  readonly #table: Table<P, S>;
  #state: S;

  constructor(table: Table<P, S>, first: S) {
    this.#table = table;
    this.#state = first;
  }

  get state(): S {
    return this.#state;
  }

  /** Takes the app's event, or throws ContractError where it is malformed or comes at the wrong time. False: ignore it. */
  take(event: SendEvent<P>, check: (protocol: P, event: unknown) => void = checkEvent): boolean {
    const stage: Stage<S> | Over = this.#table.stages[this.#state];
    if (stage === 'over') return false;
    check(this.#table.protocol, event);
    const step = Object.hasOwn(stage.next, event.type) ? stage.next[event.type] : undefined;
    if (step === undefined)
      throw new ContractError(stage.clause, `Cannot send "${event.type}" now: ${stage.because}`);
    this.#state = typeof step === 'function' ? step(event) : step;
    return true;
  }

  /** The server's own step: the client has gone, the server shuts down. */
  enter(state: S): void {
    this.#state = state;
  }
}

export function follow<P extends Protocol, S extends string>(table: Table<P, S>, first: S): Order<P, S> {
  return new Order(table, first);
}
