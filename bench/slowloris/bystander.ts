// Another client of the same server: one request each 5 ms, whether the last one was answered or not.
import { Agent, get } from 'node:http';
import { setTimeout } from 'node:timers/promises';

import { quantile } from '../figures.ts';

export interface Seen {
  readonly requests: number;
  readonly errors: number;
  /** In ms, from the moment at which the request was due. */
  readonly p50: number;
  readonly p99: number;
}

const period = 5;
/** A request that takes longer, in ms, is an error. */
const patience = 5000;

/** Asks until `until` resolves. */
export async function stand(port: number, until: Promise<unknown>, path = '/'): Promise<Seen> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const times: number[] = [];
  const under: Promise<void>[] = [];
  let errors = 0;
  let over = false;
  const noted = until.finally(() => {
    over = true;
  });
  const begun = performance.now();
  for (let count = 0; !over; count += 1) {
    const due = begun + count * period;
    const ahead = due - performance.now();
    if (ahead > 0) await setTimeout(ahead);
    under.push(
      ask(port, path, agent).then(
        () => {
          times.push(performance.now() - due);
        },
        () => {
          errors += 1;
        },
      ),
    );
  }
  await Promise.all([noted, ...under]);
  agent.destroy();
  return { requests: times.length, errors, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

function ask(port: number, path: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ port, host: '127.0.0.1', path, agent, timeout: patience }, (response) => {
      response.on('end', resolve).on('error', reject).resume();
    });
    request.on('timeout', () => request.destroy(new Error('No answer')));
    request.on('error', reject);
  });
}
