// The known name that is nearest to a mistyped one.

/** The name within a third of its length in edits (at least two); undefined where none is that near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const one of known) {
    const distance = edits(name.toLowerCase(), one.toLowerCase());
    if (distance <= Math.max(2, one.length / 3) && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { name: one, distance };
    }
  }
  return best?.name;
}

/** Levenshtein's distance: insertions, deletions and substitutions, row by row. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      const substituted = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, substituted));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
