// A real listener on a free port, with its log, and handlers that are often needed.
import type { ConnectionOptions } from 'node:tls';

import type { HeaderList } from '../../../src/core/bytes.ts';
import { parseBind, urlOf } from '../../../src/http/bind.ts';
import type { DoorwayOptions } from '../../../src/http/doorway.ts';
import type { Exchange, Handler } from '../../../src/http/exchange.ts';
import type { Limits } from '../../../src/http/limits.ts';
import { Listener, type ListenerOptions } from '../../../src/http/listener.ts';
import { NodeListener } from '../../../src/http/node/listener.ts';
import { RawClient } from '../../support/raw-client.ts';
import { Recorder } from '../../support/recorder.ts';

/** The project unit-node runs these tests on node:http: vitest.config.ts. */
export const onNode: boolean = process.env['DUALGATE_TEST_ENGINE'] === 'node';

export function listenerOf(options: ListenerOptions): Listener | NodeListener {
  return onNode ? new NodeListener(options) : new Listener(options);
}

export interface Served extends AsyncDisposable {
  readonly listener: Listener | NodeListener;
  readonly url: URL;
  readonly log: Recorder;
  open(tls?: ConnectionOptions): Promise<RawClient>;
}

export async function served(
  handler: Handler,
  limits: Partial<Limits> = {},
  doorway: DoorwayOptions = {},
): Promise<Served> {
  const log = new Recorder();
  const listener = listenerOf({ handler, limits, log, ...doorway });
  const url = new URL(urlOf(await listener.listen(parseBind('127.0.0.1:0')), listener.secure));
  return {
    listener,
    url,
    log,
    open: (tls) => RawClient.open(url, tls),
    [Symbol.asyncDispose]: () => listener.close(0),
  };
}

/** Answers with a short text: the target, unless told otherwise. */
export async function reply(
  exchange: Exchange,
  text: string = exchange.head.target,
  status = 200,
): Promise<void> {
  exchange.start({ status, headers: [['content-type', 'text/plain']] });
  void exchange.write(Buffer.from(text, 'latin1'));
  await exchange.end();
}

/** Answers with the body that came. */
export async function echo(exchange: Exchange): Promise<void> {
  await reply(exchange, (await whole(exchange)).toString('latin1'));
}

export async function whole(exchange: Exchange): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for (;;) {
    const { body, more } = await exchange.read();
    read.push(body);
    if (!more) return Buffer.concat(read);
  }
}

export function start(exchange: Exchange, headers: HeaderList = [], status = 200): void {
  exchange.start({ status, headers });
}

/** Looks until it is so, or for 5 s: for what has no event, such as a count. */
export async function until(look: () => boolean, what: string, ms = 5000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!look()) {
    if (performance.now() > deadline) throw new Error(`It did not come to this in ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
