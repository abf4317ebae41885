// A sync app called from here, with no server around: what it answers, piece by piece.
import { Errors } from '../../../src/sync/error-stream.ts';
import { Input } from '../../../src/sync/input.ts';
import type { Environ, ResponseHeaders, StatusLine, SyncApp } from '../../../src/sync/interface.ts';
import { respond, type Sink } from '../../../src/sync/responder.ts';

export interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  /** Its pieces; a function is called when its turn comes. */
  readonly body?: ReadonlyArray<string | (() => string)>;
  readonly environ?: Readonly<Record<string, unknown>>;
}

export interface Played {
  status: StatusLine | undefined;
  headers: ResponseHeaders;
  chunks: string[];
  ended: boolean;
  error: (Error & Record<string, unknown>) | undefined;
}

export function environ({
  method = 'GET',
  path = '/',
  query = '',
  body = [],
  environ: more = {},
}: Request): Environ {
  const pieces = body.values();
  const next = (): Uint8Array | null => {
    const { value } = pieces.next();
    if (value === undefined) return null;
    return Buffer.from(typeof value === 'function' ? value() : value);
  };
  return {
    REQUEST_METHOD: method,
    SCRIPT_NAME: '',
    PATH_INFO: path,
    QUERY_STRING: query,
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'wsgi.version': [1, 0],
    'wsgi.url_scheme': 'http',
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'wsgi.input': new Input({ next, ready: true }),
    'wsgi.errors': new Errors(() => {}),
    ...more,
  };
}

/** `leaveAfter`: the client goes away after so many pieces. */
export function play(
  app: SyncApp,
  request: Request,
  { leaveAfter = Infinity }: { leaveAfter?: number } = {},
): Played {
  const played: Played = { status: undefined, headers: [], chunks: [], ended: false, error: undefined };
  const sink: Sink = {
    start(status, headers) {
      played.status = status;
      played.headers = headers;
    },
    write(chunk) {
      played.chunks.push(Buffer.from(chunk).toString());
    },
    end() {
      played.ended = true;
    },
    check() {},
  };
  try {
    for (const _ of respond(app, environ(request), sink) ?? []) if (played.chunks.length >= leaveAfter) break;
  } catch (error) {
    played.error = error as Played['error'] & Error; // the responder throws errors
  }
  return played;
}

export function header({ headers }: Played, wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
}
