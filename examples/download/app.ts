// npx dualgate serve examples/download/app.ts:app
// Serves the files of one folder, of any size, with 64 KiB in memory: wsgi.file_wrapper reads as fast as the client does.
// Try it: curl -O http://127.0.0.1:8000/README.md
import { closeSync, constants, fstatSync, openSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';

import type { ResponseBody, StartResponse, SyncApp } from 'dualgate/sync';

const folder = realpathSync(process.env['DOWNLOADS'] ?? '.');

export const app: SyncApp = (environ, startResponse) => {
  const fd = open(environ.PATH_INFO);
  if (fd === null) return notFound(startResponse);
  const file = { fd, close: () => closeSync(fd) }; // the server closes it, whatever happens
  startResponse('200 OK', [['content-type', 'application/octet-stream']]);
  return environ['wsgi.file_wrapper']?.(file) ?? [];
};

/** A regular file inside the folder, links followed; null for anything else. */
function open(octets: string): number | null {
  try {
    const path = realpathSync(join(folder, Buffer.from(octets, 'latin1').toString('utf8')));
    if (!path.startsWith(folder + sep)) return null;
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO would block
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
  } catch {} // there is none, or it is not for us
  return null;
}

function notFound(startResponse: StartResponse): ResponseBody {
  startResponse('404 Not Found', [['content-type', 'text/plain']]);
  return [Buffer.from('There is no such file\n')];
}
