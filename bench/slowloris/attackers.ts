// Many slow clients in a process of their own: they connect one after the other, and then they take their time.
import { connect, type OnReadOpts, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

import type { Begun, Order, Shape } from './messages.ts';

/** What each sends first. */
const opening: Record<Shape, string> = {
  silent: '',
  'head trickle': 'GET / HTTP/1.1\r\nHost: a\r\nX: ',
  'body trickle': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n',
  'slow reader': 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n',
};
/** One byte more of it, or 1 KiB of what has come, each so many ms. */
const period = 100;
const batch = 5;

// The channel carries what messages.ts says.
process.on('message', (order) => void attack(order as Order));
process.on('disconnect', () => process.exit());

async function attack({ port, shape, count, ramp }: Order): Promise<void> {
  const since: [number, number][] = [];
  for (let begun = 0; begun < count; begun += batch) {
    await Promise.all(
      Array.from({ length: Math.min(batch, count - begun) }, async () => {
        const socket = await open(port, shape);
        since.push([socket.localPort ?? 0, Date.now()]);
        if (opening[shape] !== '') socket.write(opening[shape], 'latin1');
        trickle(socket, shape);
      }),
    );
    await setTimeout((ramp * batch) / count);
  }
  process.send?.({ since } satisfies Begun);
}

function open(port: number, shape: Shape): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ...(shape === 'slow reader' && { onread: sip() }) });
    socket.once('connect', () => resolve(socket)).once('error', reject);
    socket.on('error', () => {}); // to be cut is what they are here for
  });
}

/** Reads 1 KiB, and no more before resume(): what it has not asked for stays with the server. */
function sip(): OnReadOpts {
  return { buffer: new Uint8Array(1024), callback: () => false };
}

function trickle(socket: Socket, shape: Shape): void {
  if (shape !== 'slow reader') socket.resume();
  if (shape === 'silent') return;
  const timer = setInterval(() => {
    if (shape === 'slow reader') socket.resume();
    else if (socket.writable) socket.write('x');
  }, period);
  socket.on('close', () => clearInterval(timer));
}
