// The lab's client: real requests at a cell, each on a connection of its own, with a stopwatch.
import { type IncomingMessage, request } from 'node:http';

import { asError, GatewayError } from '../core/errors.ts';
import { Queue } from '../core/queue.ts';
import type { Answer, CellId, RaceEvent, RaceOrder } from './messages.ts';

export interface ShotOptions {
  /** Milliseconds until it is given up. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/** An answer's body is shown in a small field: no more of it is kept. */
const shownBytes = 2048;

/** One GET. Never rejects: what goes wrong is an answer too. */
export async function shoot(url: string, { deadline, signal }: ShotOptions): Promise<Answer> {
  const began = performance.now();
  try {
    const late = AbortSignal.timeout(deadline);
    const response = await get(url, signal ? AbortSignal.any([signal, late]) : late);
    const body = await textOf(response);
    const lane = String(response.headers['x-ran-by'] ?? '');
    const { statusCode: status = 0, statusMessage: reason = '' } = response;
    return { ok: true, ms: performance.now() - began, status, reason, lane, body };
  } catch (error) {
    return { ok: false, ms: performance.now() - began, why: explain(error, deadline) };
  }
}

/** A few requests that nobody looks at: a thread's first answer is slow, and would be taken for the lesson. */
export async function warmUp(url: string): Promise<void> {
  await Promise.all(Array.from({ length: 8 }, () => shoot(`${url}/wait?ms=20`, { deadline: 5_000 })));
}

/** All at once, and each answer when it arrives. Leaving the loop early cuts what still runs. */
export async function* race(
  urls: ReadonlyMap<CellId, string>,
  { requests, wait }: Pick<RaceOrder, 'requests' | 'wait'>,
  deadline: number,
): AsyncGenerator<RaceEvent> {
  const cells = [...urls.keys()];
  const stop = new AbortController();
  const arrived = new Queue<RaceEvent>({ items: cells.length * requests });
  yield { kind: 'begin', cells, requests, wait };

  const began = performance.now();
  const shots = Array.from({ length: requests }, (_, n) => n + 1).flatMap((number) =>
    [...urls].map(async ([cell, url]) => {
      const answer = await shoot(`${url}/wait?ms=${wait}`, { deadline, signal: stop.signal });
      arrived.push({ kind: 'answer', cell, number, at: performance.now() - began, answer });
    }),
  );
  try {
    for (const _ of shots) {
      const event = await arrived.take();
      if (event) yield event;
    }
    yield { kind: 'end', requests, wait };
  } finally {
    stop.abort();
    await Promise.all(shots);
  }
}

function get(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false, signal, headers: { connection: 'close' } })
      .on('response', resolve)
      .on('error', reject)
      .end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const piece of response) text = `${text}${String(piece)}`.slice(0, shownBytes);
  return text;
}

function explain(thrown: unknown, deadline: number): string {
  const error = asError(thrown);
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${deadline} ms`;
  if ('code' in error && error.code === 'ECONNREFUSED') return 'nobody listens there: the server is down';
  if ('code' in error && error.code === 'ECONNRESET') return 'the server cut the connection';
  return error instanceof GatewayError ? error.message : `${error.name}: ${error.message}`;
}
