// What the bench and the process of its attackers say to each other.

export type Shape = 'silent' | 'head trickle' | 'body trickle' | 'slow reader';

export interface Order {
  readonly port: number;
  readonly shape: Shape;
  readonly count: number;
  /** ms over which they connect. */
  readonly ramp: number;
}

/** All have begun. `since` is the time by Date.now() at which each did, by its local port. */
export interface Begun {
  readonly since: readonly (readonly [port: number, at: number])[];
}
