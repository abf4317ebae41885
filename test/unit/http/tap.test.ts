// What a tapped socket reads: all of it, in its order, whether it flows, is paused, or is given back.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { tap, untap } from '../../../src/http/tap.ts';
import { random } from '../sync/random.ts';

interface Pair extends AsyncDisposable {
  readonly near: Socket;
  readonly far: Socket;
}

async function pair(): Promise<Pair> {
  const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port');
  const far = connect(address.port, '127.0.0.1');
  const [near] = await once(server, 'connection');
  await once(far, 'connect');
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      far.destroy();
      near.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** 4 MiB in which each place can be told from the others. */
const bytes = Buffer.alloc(4 * 1024 * 1024);
for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);

test('bytes come by the tap, and no data event does', async () => {
  await using sockets = await pair();
  const taken: Buffer[] = [];
  let events = 0;
  sockets.near.on('data', () => {
    events += 1;
  });
  tap(sockets.near, (packet) => taken.push(packet));
  sockets.far.end(bytes);
  await once(sockets.near, 'end');
  expect(Buffer.concat(taken).equals(bytes)).toBe(true);
  expect(events).toBe(0);
});

test('a socket that is paused again and again gives all of it, in its order', async () => {
  await using sockets = await pair();
  const next = random();
  const taken: Buffer[] = [];
  const take = (packet: Buffer): void => {
    expect(sockets.near.isPaused()).toBe(false);
    taken.push(packet);
    if (next.below(3) > 0) return;
    sockets.near.pause();
    const turns = next.below(4);
    void (async () => {
      for (let count = 0; count < turns; count += 1) await turn();
      sockets.near.resume();
    })();
  };
  sockets.near.on('data', take);
  tap(sockets.near, take);
  sockets.far.end(bytes);
  await once(sockets.near, 'end');
  expect(Buffer.concat(taken).equals(bytes), `seed ${next.seed}`).toBe(true);
});

test('a paused socket stops to read: the other side gets no rid of its bytes', async () => {
  await using sockets = await pair();
  sockets.near.on('data', () => {});
  tap(sockets.near, () => {});
  sockets.near.pause();
  const huge = Buffer.alloc(64 * 1024 * 1024);
  sockets.far.write(huge);
  for (let count = 0; count < 100; count += 1) await turn();
  expect(sockets.near.bytesRead).toBeLessThan(1024 * 1024);
  expect(sockets.far.writableLength).toBeGreaterThan(huge.length / 2);
});

test('what was put back into the stream comes first', async () => {
  await using sockets = await pair();
  const taken: Buffer[] = [];
  sockets.near.pause();
  sockets.near.unshift(Buffer.from('first '));
  sockets.near.on('data', (packet: Buffer) => taken.push(packet));
  tap(sockets.near, (packet) => taken.push(packet));
  sockets.far.end('second');
  sockets.near.resume();
  await once(sockets.near, 'end');
  expect(Buffer.concat(taken).toString()).toBe('first second');
});

test('given back, it is a socket like any other', async () => {
  await using sockets = await pair();
  tap(sockets.near, () => {
    throw new Error('It was given back');
  });
  untap(sockets.near);
  expect(Object.hasOwn(sockets.near, 'push')).toBe(false);
  sockets.far.end('hello');
  const [packet] = await once(sockets.near, 'data');
  expect(String(packet)).toBe('hello');
});
