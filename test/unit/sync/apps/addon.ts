// An app whose import loads a shared library that is no addon which registers itself: what an addon for one thread looks like.
import process from 'node:process';

/** Node's report lists what is loaded already: the C library's mathematics, wherever the machine keeps it. */
export function libraryAtHand(): string | undefined {
  // Node documents the report as JSON of this form
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] };
  return sharedObjects.find((path) => /\/libm[.-]/.test(path));
}

export function app(): never {
  throw new Error('Never called');
}

export function load(): typeof app {
  process.dlopen({ exports: {} }, libraryAtHand() ?? '');
  return app;
}
