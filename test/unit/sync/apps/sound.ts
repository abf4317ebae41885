// An app without a fault, whatever it is asked: what lint() says of it is the server's doing.
import type { SyncApp } from '../../../../src/sync/interface.ts';
import { requestUri } from '../../../../src/sync/request-uri.ts';

export const app: SyncApp = (environ, startResponse) => {
  const { length } = environ['wsgi.input'].read();
  const headers: [string, string][] = [['Content-Type', 'text/plain']];
  const text = `${environ.SCRIPT_NAME}|${environ.PATH_INFO}|${length}|${requestUri(environ)}`;
  if (environ.QUERY_STRING !== 'write') {
    startResponse('200 OK', headers);
    return [Buffer.from(text), Buffer.from('')];
  }
  startResponse('200 OK', headers)(Buffer.from(text));
  return [];
};
