// A real async server on a free port, with its log.
import type { AsyncApp } from '../../../src/async/interface.ts';
import { AsyncServer, type AsyncServerOptions } from '../../../src/async/server.ts';
import { RawClient } from '../../support/raw-client.ts';
import { Recorder } from '../../support/recorder.ts';

export interface Served extends AsyncDisposable {
  readonly server: AsyncServer;
  readonly url: URL;
  readonly log: Recorder;
}

export async function served(app: AsyncApp, options: AsyncServerOptions = {}): Promise<Served> {
  const log = new Recorder();
  const server = new AsyncServer(app, { lifespan: 'off', grace: 1000, log, ...options });
  const { url } = await server.listen('127.0.0.1:0');
  return { server, url: new URL(url), log, [Symbol.asyncDispose]: () => server.close(0) };
}

/** A client that has sent this already. */
export async function sending({ url }: Served, bytes: string): Promise<RawClient> {
  const raw = await RawClient.open(url);
  return raw.send(bytes);
}
