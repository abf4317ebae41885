// Counts its calls and the arguments that it was given.
import type { AsyncApp, Send } from '../../../src/async/interface.ts';
import type { StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { encode, json } from './asked.ts';

let calls = 0;

/** A method: it needs its own object, and so must be called as it was given. */
class Counter {
  readonly #name = 'counter';

  sync(given: readonly unknown[]): Iterable<Uint8Array> {
    calls += 1;
    // A server gives an environ and startResponse, and nothing more.
    const [, startResponse] = given as [unknown, StartResponse];
    startResponse('200 OK', [...json]);
    return [encode({ name: this.#name, calls, given: given.length })];
  }

  async async(given: readonly unknown[]): Promise<void> {
    calls += 1;
    // A server gives a scope, receive and send, and nothing more.
    const [, , send] = given as [unknown, unknown, Send];
    await send({ type: 'http.response.start', status: 200, headers: json });
    const body = encode({ name: this.#name, calls, given: given.length });
    await send({ type: 'http.response.body', body });
  }
}

const counter = new Counter();

export const sync: SyncApp = (...given) => counter.sync(given);
export const async: AsyncApp = async (...given) => await counter.async(given);
