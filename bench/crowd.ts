// Many connections that have done one request each, and then are idle.
import { connect, type Socket } from 'node:net';

const request = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
const batch = 100;
/** An address has about 28 000 ports of its own. */
const perAddress = 20_000;

/** Opens them, from as many addresses of this machine as it takes; resolves when each was answered. */
export async function gather(port: number, count: number): Promise<Socket[]> {
  const crowd: Socket[] = [];
  while (crowd.length < count) {
    const size = Math.min(batch, count - crowd.length);
    const from = `127.0.0.${1 + Math.floor(crowd.length / perAddress)}`;
    crowd.push(...(await Promise.all(Array.from({ length: size }, () => answered(port, from)))));
  }
  return crowd;
}

/** Closes them; resolves when all are gone. */
export async function disperse(crowd: readonly Socket[]): Promise<void> {
  await Promise.all(
    crowd.map(
      (socket) =>
        new Promise<void>((resolve) => {
          if (socket.closed) return resolve();
          socket.once('close', () => resolve());
          socket.resetAndDestroy(); // no port is left waiting
        }),
    ),
  );
}

function answered(port: number, localAddress: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
      if (text.endsWith('Hello, World!')) resolve(socket);
    });
    socket.on('error', reject).write(request);
  });
}
