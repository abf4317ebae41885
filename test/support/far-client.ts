// A raw client on a thread of its own: it sees what is on the wire while an inline app blocks the test's own loop.
import { Worker } from 'node:worker_threads';

export interface Seen {
  /** process.hrtime.bigint(), which all threads of a process share. */
  readonly at: bigint;
  readonly text: string;
}
export interface Sight {
  readonly seen: readonly Seen[];
  readonly text: string;
  readonly ending: 'end' | 'reset' | 'late';
}
/** As soon as `text` has arrived, `file` is made: a gate that the app waits at. */
export interface Rule {
  readonly text: string;
  readonly file: string;
}

// Plain JavaScript in a string: a thread starts with it in 40 ms, without a loader.
const code = `
const { parentPort, workerData } = require('node:worker_threads');
const { writeFileSync } = require('node:fs');
const { host, port, request, rules, ms } = workerData;
const socket = require('node:net').connect({ host, port, allowHalfOpen: true });
const seen = [];
let all = '';
const finish = (ending) => {
  if (!timer) return;
  clearTimeout(timer);
  timer = null;
  socket.destroy();
  parentPort.postMessage({ seen, text: all, ending });
};
let timer = setTimeout(finish, ms, 'late');
socket.setNoDelay(true);
socket.on('connect', () => socket.write(request, 'latin1'));
socket.on('data', (bytes) => {
  const text = bytes.toString('latin1');
  seen.push({ at: process.hrtime.bigint(), text });
  all += text;
  for (const rule of rules.splice(0)) {
    if (all.includes(rule.text)) writeFileSync(rule.file, '');
    else rules.push(rule);
  }
});
socket.on('end', () => finish('end'));
socket.on('error', () => finish('reset'));
socket.on('close', () => finish('reset'));
`;

/** Sends `request` from another thread and watches until the server ends the connection (ask for `connection: close`). */
export async function watch(
  url: URL,
  request: string,
  rules: readonly Rule[] = [],
  ms = 8000,
): Promise<Sight> {
  const data = { host: url.hostname, port: Number(url.port), request, rules, ms };
  const worker = new Worker(code, { eval: true, workerData: data });
  try {
    return await new Promise<Sight>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  } finally {
    await worker.terminate();
  }
}
