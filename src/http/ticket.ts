// What a connection was given when it was accepted, for its first request: somebody keeps a place for it from then on.

/** The connection as whoever keeps a place for it sees it. */
export interface Newcomer {
  /** No place is kept any more: closed without a word, or answered 408 where a head has begun. Nothing once a request has. */
  giveUp(): void;
}

export interface Ticket {
  /** The connection closes, for whatever reason, and no request of it has begun. Once. */
  left(): void;
}

/** Must not call giveUp() itself. */
export type Arrived = (newcomer: Newcomer) => Ticket;
