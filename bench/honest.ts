// Before anything is measured: does each server give exactly the answer that the load asks for?
import { type Answer, RawClient } from '../test/support/raw-client.ts';
import type { Load } from './loads.ts';
import type { Server } from './servers.ts';
import type { Subject } from './slice.ts';

/** Sends what the load client will send, and compares the answers byte by byte. Rejects with what is wrong. */
export async function proveHonest(subject: Subject, name: string, load: Load): Promise<void> {
  const { method, path, headers, body, pipelined } = load;
  await using client = await RawClient.open(new URL(`http://127.0.0.1:${subject.port}`));
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${subject.port}`, ...headers, ...length];
  client.send(`${lines.join('\r\n')}\r\n\r\n${body}`.repeat(pipelined));
  // and once more, on the same connection: it has to be kept
  for (let count = 0; count < pipelined; count += 1) prove(subject, name, load, await client.answer());
  if (subject.server.lacks?.includes('keep-alive')) return;
  client.send(`${lines.join('\r\n')}\r\n\r\n${body}`);
  prove(subject, name, load, await client.answer());
}

function prove({ name: who, server }: Subject, name: string, { answer: right }: Load, answer: Answer): void {
  const fault = faultOf(answer, right, server.lacks ?? []);
  if (fault) throw new Error(`${who} answers "${name}" wrongly: ${fault}`);
}

function faultOf(answer: Answer, right: Load['answer'], lacks: NonNullable<Server['lacks']>): string | null {
  const type = answer.get('content-type') ?? '';
  const framing = right.chunked ? 'chunked' : 'length';
  if (answer.status !== 200) return `its status is ${answer.status}, not 200`;
  if (!answer.complete) return 'its body is not complete';
  if (!answer.body.equals(Buffer.from(right.body, 'latin1')))
    return `its body has ${answer.body.length} bytes that are not the ${right.body.length} expected ones`;
  if (type.split(';')[0] !== right.type) return `its content type is "${type}", not "${right.type}"`;
  if (answer.framing !== framing) return `its framing is "${answer.framing}", not "${framing}"`;
  if (!lacks.includes('date') && !answer.get('date')) return 'it has no date';
  if (!lacks.includes('keep-alive') && /close/i.test(answer.get('connection') ?? ''))
    return 'it closes the connection';
  return null;
}
