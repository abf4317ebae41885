#!/usr/bin/env -S dualgate cgi
// A script that a web server runs by itself.
import type { Environ, StartResponse } from '../../../src/sync/interface.ts';

export function app(environ: Environ, startResponse: StartResponse): Uint8Array[] {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(`script ${environ.SCRIPT_NAME} ${environ.PATH_INFO} ${environ.QUERY_STRING}`)];
}
