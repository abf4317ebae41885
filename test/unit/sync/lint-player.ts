// Plays an app under lint() into nothing: what it answered, what was thrown, and what stands in wsgi.errors.
import { Errors } from '../../../src/sync/error-stream.ts';
import { Input } from '../../../src/sync/input.ts';
import type { Environ, ResponseHeaders, SyncApp } from '../../../src/sync/interface.ts';
import { lint } from '../../../src/sync/lint.ts';
import type { LintOptions } from '../../../src/sync/lint-verdict.ts';
import { respond } from '../../../src/sync/responder.ts';
import { TestCall } from './carrier.ts';

export interface Played {
  error: unknown;
  /** The lines of wsgi.errors. */
  warnings: string[];
  status: string;
  headers: ResponseHeaders;
  body: string;
}

export const sound: SyncApp = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('fine')];
};

/** `change` spoils the environ that the server gives. The request body is `one\ntwo\nthree`. */
export function playLint(
  app: SyncApp,
  change?: (environ: Record<string, unknown>) => void,
  options?: LintOptions,
): Played {
  const warnings: string[] = [];
  const played: Played = { error: undefined, warnings, status: '', headers: [], body: '' };
  const pieces = [Buffer.from('one\ntwo\nthree')];
  const errors = new Errors((line) => warnings.push(line));
  const environ: Environ = {
    ...new TestCall().environ,
    'wsgi.input': new Input({ next: () => pieces.shift() ?? null, ready: true }),
    'wsgi.errors': errors,
  };
  change?.(environ as unknown as Record<string, unknown>); // to be spoilt, it is any object
  const sink = {
    start(status: string, headers: ResponseHeaders): void {
      Object.assign(played, { status, headers });
    },
    write(chunk: Uint8Array): void {
      played.body += String(Buffer.from(chunk));
    },
    end(): void {},
    check(): void {},
  };
  try {
    for (const _ of respond(lint(app, options), environ, sink) ?? []);
  } catch (error) {
    played.error = error;
  }
  errors.flush();
  return played;
}
