// What an app tells a test and waits for, whatever thread it runs on: lines in a file, and files that open a gate.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export type Note = Readonly<Record<string, unknown>> & { readonly what: string };

const nap = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread, as a sync app does. */
export function block(ms: number): void {
  Atomics.wait(nap, 0, 0, ms);
}

/* ── the app's side ─────────────────────────────────────────────────── */

export function note(file: string, what: string, more: Record<string, unknown> = {}): void {
  if (file) appendFileSync(file, `${JSON.stringify({ what, ...more })}\n`);
}

/** Blocks until the test (or a far client) opened the gate; false after `ms`. */
export function gateSync(file: string, name: string, ms = 3000): boolean {
  const deadline = performance.now() + ms;
  while (!existsSync(`${file}.${name}`)) {
    if (performance.now() > deadline) return false;
    block(2);
  }
  return true;
}

export async function gate(file: string, name: string, ms = 3000): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!existsSync(`${file}.${name}`)) {
    if (performance.now() > deadline) return false;
    await delay(2);
  }
  return true;
}

/* ── the test's side ────────────────────────────────────────────────── */

export class Report implements Disposable {
  readonly file: string;
  readonly #directory: string;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'dualgate-report-'));
    this.file = join(this.#directory, 'notes');
  }

  /** For the request's query: `report=…`. */
  get query(): string {
    return `report=${encodeURIComponent(this.file)}`;
  }

  notes(what?: string): Note[] {
    if (!existsSync(this.file)) return [];
    const lines = readFileSync(this.file, 'utf8').split('\n').slice(0, -1);
    // Only note() writes to this file.
    const notes = lines.map((line) => JSON.parse(line) as Note);
    return what === undefined ? notes : notes.filter((each) => each.what === what);
  }

  /** The first note of that kind; waits for it. */
  async first(what: string, ms = 5000): Promise<Note> {
    return await this.until((notes) => notes.find((each) => each.what === what), `a note "${what}"`, ms);
  }

  async until<T>(look: (notes: Note[]) => T | undefined, what: string, ms = 5000): Promise<T> {
    const deadline = performance.now() + ms;
    for (;;) {
      const found = look(this.notes());
      if (found !== undefined) return found;
      if (performance.now() > deadline) {
        throw new Error(`No ${what} in ${ms} ms; noted: ${JSON.stringify(this.notes().slice(-10))}`);
      }
      await delay(4);
    }
  }

  /** Opens a gate that an app waits at. */
  open(name: string): void {
    writeFileSync(this.gateFile(name), '');
  }

  gateFile(name: string): string {
    return `${this.file}.${name}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
