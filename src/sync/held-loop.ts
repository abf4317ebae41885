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
        const why = tooLong(performance.now() - from, timeout);
        if (why !== null) say(why);
      }
    },
    return: () => steps.return(),
    [Symbol.iterator]: () => all,
  };
  return all;
}

/** What is to be said of so many ms; null where they are none too many. */
export function tooLong(took: number, timeout: number): string | null {
  if (took <= timeout) return null;
  const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;
  return `The app held the event loop for ${seconds(took)}, and ${seconds(timeout)} are its limit`;
}
