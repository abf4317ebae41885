// How long an app held the event loop at once: nothing can end it there, so the log says it afterwards.

/** The same steps; `say` is told of each that took longer than `timeout` ms. Ended early, it ends them. */
export function* timed(
  steps: Iterator<void>,
  timeout: number,
  say: (why: string) => void,
): Generator<void, void, void> {
  try {
    for (;;) {
      const from = performance.now();
      let done: boolean | undefined;
      try {
        done = steps.next().done;
      } finally {
        tell(performance.now() - from, timeout, say);
      }
      if (done) return;
      yield;
    }
  } finally {
    steps.return?.(); // says nothing to what has ended by itself
  }
}

/** `took` in ms. */
export function tell(took: number, timeout: number, say: (why: string) => void): void {
  if (took <= timeout) return;
  const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;
  say(`The app held the event loop for ${seconds(took)}, and ${seconds(timeout)} are its limit`);
}
