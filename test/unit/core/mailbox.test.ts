// The mailbox between two real threads: what it carries, how it blocks, how it ends.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { afterEach, expect, test } from 'vitest';

import { Mailbox, type MailboxHandle, mailboxPair, ring } from '../../../src/core/mailbox.ts';

interface Note {
  readonly text: string;
}

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

/** A thread whose `body` has port, bell and say(text); it is up when this resolves. */
async function peer(handle: MailboxHandle, body: string): Promise<Worker> {
  const code = `
    const { parentPort, workerData: { port, bell } } = require('node:worker_threads');
    const say = (text) => { port.postMessage({ text }); Atomics.add(bell, 0, 1); Atomics.notify(bell, 0); };
    port.ref();
    ${body}
    parentPort.postMessage('up');`;
  const worker = new Worker(code, { eval: true, workerData: handle, transferList: [handle.port] });
  worker.on('error', () => {});
  workers.push(worker);
  await once(worker, 'message');
  return worker;
}

async function connect(body: string): Promise<Mailbox<Note, Note>> {
  const [mine, theirs] = mailboxPair();
  await peer(theirs, body);
  return new Mailbox<Note, Note>(mine);
}

test('take blocks until the other thread has answered, message by message', async () => {
  const mailbox = await connect(`port.on('message', ({ text }) => { say(text + '!'); say(text + '?'); });`);
  for (let i = 0; i < 100; i++) {
    mailbox.post({ text: String(i) });
    expect(mailbox.take(5000)).toEqual({ text: `${i}!` });
    expect(mailbox.take(5000)).toEqual({ text: `${i}?` });
  }
  mailbox.close();
});

test('take throws TIMEOUT at its deadline, and the mailbox stays usable', async () => {
  const mailbox = await connect(`port.on('message', ({ text }) => say(text));`);
  const began = performance.now();
  expect(() => mailbox.take(60)).toThrow(expect.objectContaining({ code: 'TIMEOUT' }));
  expect(performance.now() - began).toBeGreaterThanOrEqual(59);
  mailbox.post({ text: 'still' });
  expect(mailbox.take(5000)).toEqual({ text: 'still' });
  mailbox.close();
});

test('a wait of several glances still gets its message', async () => {
  const mailbox = await connect(`port.on('message', ({ text }) => setTimeout(say, 700, text));`);
  mailbox.post({ text: 'late' });
  expect(mailbox.take(5000)).toEqual({ text: 'late' });
  mailbox.post({ text: 'again' });
  expect(mailbox.take(5000)).toEqual({ text: 'again' });
  mailbox.close();
});

test('closing one end wakes a blocked take on the other, after what was sent before', () => {
  const [left, right] = mailboxPair();
  const here = new Mailbox<Note, Note>(left);
  const there = new Mailbox<Note, Note>(right);
  there.post({ text: 'last' });
  there.close();
  there.close();
  expect(here.take(1000)).toEqual({ text: 'last' });
  expect(() => here.take(1000)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  expect(here.closed).toBe(true);
  here.post({ text: 'into the void' });
});

for (const [how, body] of [
  ['exits', `setTimeout(() => process.exit(1), 50);`],
  ['throws', `setTimeout(() => { throw new Error('bang') }, 50);`],
] as const) {
  test(`a thread that ${how} wakes a blocked take within a glance`, async () => {
    const mailbox = await connect(body);
    const began = performance.now();
    expect(() => mailbox.take(5000)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(performance.now() - began).toBeLessThan(2000);
  });
}

test('a thread that is terminated while it is waited for wakes a blocked take', async () => {
  const [mine, theirs] = mailboxPair();
  const worker = await peer(theirs, `port.on('message', () => {});`);
  const mailbox = new Mailbox<Note, Note>(mine);
  const ended = worker.terminate();
  expect(() => mailbox.take(5000)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  await ended;
});

test('poll returns when the bell is rung for something else', async () => {
  const [mine, theirs] = mailboxPair();
  await peer(theirs, `setTimeout(() => { Atomics.add(bell, 0, 1); Atomics.notify(bell, 0); }, 50);`);
  const mailbox = new Mailbox<Note, Note>(mine);
  const began = performance.now();
  expect(mailbox.poll(5000)).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(2000);
  mailbox.close();
});

test('a listener gets each message, and hears once that the other end has gone', async () => {
  const [left, right] = mailboxPair();
  const here = new Mailbox<Note, Note>(left);
  const there = new Mailbox<Note, Note>(right);
  const heard: string[] = [];
  const over = new Promise<void>((resolve) => {
    here.on(
      ({ text }) => heard.push(text),
      () => {
        heard.push('gone');
        resolve();
      },
    );
  });
  there.post({ text: 'one' });
  there.post({ text: 'two' });
  there.close();
  await over;
  expect(heard).toEqual(['one', 'two', 'gone']);
  expect(() => here.take(10)).toThrow('listener');
});

test('a listener hears of a thread that is terminated', async () => {
  const [mine, theirs] = mailboxPair();
  const worker = await peer(theirs, `port.on('message', () => {});`);
  const mailbox = new Mailbox<Note, Note>(mine);
  const over = new Promise<void>((resolve) => mailbox.on(() => {}, resolve));
  await worker.terminate();
  await over;
});

test('ring wakes a bell without a message', () => {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const [mine] = mailboxPair(bell);
  ring(bell);
  expect(mine.bell[0]).toBe(1);
});
