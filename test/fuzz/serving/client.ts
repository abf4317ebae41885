// A client of the server's fuzzer: requests on real sockets, in odd pieces and many at once, and what is wrong with their answers.
import { setTimeout as wait } from 'node:timers/promises';

import { type Answer, RawClient } from '../../support/raw-client.ts';
import { keysOf, sizesOf } from '../ring/plan.ts';
import { Stream } from '../ring/stream.ts';
import { Seeded, seedOf } from '../seeded.ts';
import { type Kinds, type Plan, planOf } from './plan.ts';

export interface Scene {
  readonly seed: number;
  readonly kinds: Kinds;
  readonly url: URL;
  /** ms for one answer. */
  readonly patience: number;
  /** The next request's number; null where there is none. */
  next(): number | null;
  readonly faults: string[];
  answered: number;
}

/** Nothing more can be asked on them. */
const over = new WeakSet<RawClient>();

/** What was answered on them. */
const trail = new WeakMap<RawClient, string>();

export async function beClient(scene: Scene, number: number): Promise<void> {
  const chance = new Seeded(seedOf(~scene.seed, number));
  /** Sent, and to be sent again: the connection ended behind an answer before them. */
  let waiting: Plan[] = [];
  while (scene.faults.length === 0) {
    await using connection = await RawClient.open(scene.url);
    for (let rounds = 1 + chance.below(12); rounds > 0 && scene.faults.length === 0; rounds -= 1) {
      const batch = batchOf(waiting, scene, chance);
      if (batch.length === 0) return;
      waiting = await exchange(connection, batch, scene, chance);
      if (waiting.length > 0 || over.has(connection) || connection.ending) break;
    }
  }
}

function batchOf(waiting: readonly Plan[], scene: Scene, chance: Seeded): Plan[] {
  const batch = [...waiting];
  for (let more = chance.once(3) ? 1 + chance.below(8) : 1; more > batch.length; ) {
    const index = scene.next();
    if (index === null) break;
    const plan = planOf(scene.seed, index, scene.kinds);
    batch.push(plan);
    if (chance.once(5)) batch.push(plan, plan); // the same octets again
  }
  return batch;
}

/** Gives those that got no answer, because the connection was to end before them. */
async function exchange(connection: RawClient, batch: Plan[], scene: Scene, chance: Seeded): Promise<Plan[]> {
  const sending = send(connection, batch, scene, chance);
  if (chance.once(12)) {
    await wait(chance.below(12));
    over.add(connection);
    if (scene.url.protocol === 'https:')
      await connection[Symbol.asyncDispose](); // TLS has no reset
    else if (!connection.ending) connection.reset();
    await sending;
    return batch.slice(1);
  }
  if (chance.once(8)) void pauseNow(connection, chance);
  let current = batch[0];
  try {
    for (const [at, plan] of batch.entries()) {
      current = plan;
      const answer = await connection.answer({ method: plan.method, ms: scene.patience });
      scene.answered += 1;
      trail.set(connection, `${trail.get(connection) ?? ''}${plan.index}:${answer.status} `);
      const fault = faultOf(plan, answer, scene.seed);
      if (fault !== null) {
        scene.faults.push(`request ${plan.index}: ${fault} (${shown(plan)})`);
        return [];
      }
      if (
        plan.fault ||
        !answer.complete ||
        answer.framing === 'close' ||
        answer.get('connection') === 'close'
      ) {
        over.add(connection);
        return batch.slice(at + 1);
      }
    }
  } catch (error) {
    over.add(connection);
    // A broken answer is cut, with a reset or over TLS, and that takes with it what was not read or encrypted yet.
    const cut = connection.ending === 'reset' || (scene.url.protocol === 'https:' && connection.ending);
    if (current?.fault && cut) return batch.slice(batch.indexOf(current) + 1);
    scene.faults.push(
      `request ${current?.index} of ${batch.map(({ index }) => index).join()}: ${String(error)} behind ${trail.get(connection)} (${shown(current)})`,
    );
  } finally {
    await sending;
  }
  return [];
}

async function pauseNow(connection: RawClient, chance: Seeded): Promise<void> {
  connection.pause();
  await wait(chance.below(30));
  connection.resume();
}

async function send(
  connection: RawClient,
  batch: readonly Plan[],
  scene: Scene,
  chance: Seeded,
): Promise<void> {
  let bytes: Uint8Array[] = [];
  const joins = chance.once(2);
  const leave = async (): Promise<void> => {
    const all = Buffer.concat(bytes);
    bytes = [];
    let at = 0;
    for (const size of sizesOf(chance, all.length, chance.once(3) ? 1 + chance.below(6) : 1)) {
      if (connection.ending) return;
      connection.send(all.subarray(at, at + size));
      at += size;
      if (chance.once(4)) await wait(chance.below(3));
    }
  };
  for (const plan of batch) {
    bytes.push(headOf(plan, chance));
    if (plan.coding === 'expect') {
      await leave();
      await wait(chance.below(10));
    }
    bytes.push(...bodyOf(plan, scene.seed, chance));
    if (!joins) await leave();
  }
  await leave();
}

function headOf(plan: Plan, chance: Seeded): Buffer {
  const pad = (): string => ' '.repeat(chance.once(4) ? chance.below(3) : 1);
  const lines = plan.fields.map(
    ([name, value]) => `${name}:${pad()}${value}${chance.once(8) ? pad() : ''}\r\n`,
  );
  return Buffer.from(`${plan.method} ${plan.target} HTTP/${plan.version}\r\n${lines.join('')}\r\n`, 'latin1');
}

function bodyOf({ index, up, coding }: Plan, seed: number, chance: Seeded): Uint8Array[] {
  const stream = new Stream(keysOf(seed, index)[0]);
  if (coding !== 'chunked') return [stream.next(up)];
  const chunks = sizesOf(chance, up, 1 + chance.below(6)).flatMap((size) => [
    Buffer.from(`${size.toString(16)}\r\n`),
    stream.next(size),
    Buffer.from('\r\n'),
  ]);
  return [...chunks, Buffer.from('0\r\n\r\n')];
}

function shown(plan: Plan | undefined): string {
  return JSON.stringify({ ...plan, fields: plan?.fields.length, extra: plan?.extra.length, target: '' });
}

/** null where it is the right one. */
function faultOf(plan: Plan, answer: Answer, seed: number): string | null {
  const refused = plan.fault && answer.status === (plan.fault.kind === 'stuck' ? 504 : 500);
  if (refused && answer.get('x-content-type-options'))
    return answer.complete ? null : 'a refusal that is cut';
  if (plan.fault?.when === 'before') return `not refused: ${answer.status}`;
  if (`${answer.status} ${answer.reason}` !== plan.status)
    return `the status is ${answer.status} ${answer.reason}: ${answer.text.slice(0, 80)}`;
  const extra = answer.headers.filter(([name]) => /^x-e/i.test(name));
  if (JSON.stringify(extra) !== JSON.stringify(plan.extra.map(([name, value]) => [name, value])))
    return 'other headers';
  if (answer.all('date').length !== 1 || answer.all('content-length').length > 1)
    return 'no date, or two lengths';
  if (Math.abs(Date.parse(answer.get('date') ?? '') - Date.now()) > 5000)
    return `the date is ${answer.get('date')}`;
  if (answer.get('late') !== undefined) return 'a header of another answer';
  const early = answer.early.filter((status) => status === 103).length;
  if (early !== (plan.version === '1.0' ? 0 : plan.hints)) return `${early} hints`;
  const bodiless = plan.method === 'HEAD' || /^(?:204|304)/.test(plan.status);
  const whole = bodiless ? 0 : plan.down;
  const length = answer.get('content-length');
  if (length !== undefined && Number(length) !== plan.down && !plan.fault) return `the length is ${length}`;
  if (plan.status.startsWith('204') && length !== undefined) return '204 with a length';
  if (plan.version === '1.0' && answer.framing === 'chunked') return 'chunks for HTTP/1.0';
  const known = plan.declared || plan.answer === 'single' || plan.answer === 'list';
  if (known && !bodiless && answer.framing !== 'length') return `framed as ${answer.framing}`;
  const body = new Stream(keysOf(seed, plan.index)[1]);
  if (!body.holds(answer.body)) return `byte ${body.at} of ${whole} is wrong`;
  if (body.at > whole) return `${body.at} bytes of ${whole}`;
  if (plan.fault && plan.fault.when === 'middle') return null;
  return answer.complete && body.at === whole
    ? null
    : `${body.at} bytes of ${whole}, complete: ${answer.complete}`;
}
