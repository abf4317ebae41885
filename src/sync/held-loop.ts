// How long an app held the event loop at once: nothing can end it there, so the log says it afterwards.

/** The same steps; `say` is told of each that took longer than `timeout` ms. No generator: that took 0.2 µs a call. */
export function timed(
  steps: Generator<void, void, void>,
  timeout: number,
  say: (why: string) => void,
): IterableIterator<void, void, void> {
  const all: IterableIterator<void, void, void> = {
    next() {
      const from = performance.now();
      try {
        return steps.next();
      } finally {
        const took = performance.now() - from;
        if (took > timeout) tell(took, timeout, say);
      }
    },
    return: () => steps.return(),
    [Symbol.iterator]: () => all,
  };
  return all;
}

/** `took` in ms. */
export function tell(took: number, timeout: number, say: (why: string) => void): void {
  if (took <= timeout) return;
  const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;
  say(`The app held the event loop for ${seconds(took)}, and ${seconds(timeout)} are its limit`);
}
