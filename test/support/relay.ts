// A relay between a client and a server: what the client says first goes through a function, all else as it is.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Takes the client's first bytes; `send` is to the server. */
type First = (bytes: Buffer, send: (bytes: Uint8Array, sent?: () => void) => void) => Promise<void>;

export interface Relay extends AsyncDisposable {
  /** Of the same scheme as the server's. */
  readonly url: URL;
}

/** `await using relay = await relayed(server.url, first)` */
export async function relayed(to: URL, first: First): Promise<Relay> {
  const sockets: Socket[] = [];
  const relay = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    sockets.push(near, far);
    far.setNoDelay(true).on('error', () => near.destroy());
    near.on('error', () => far.destroy());
    near.once('data', async (bytes: Buffer) => {
      near.pause();
      await first(bytes, (some, sent) => void far.write(some, sent));
      near.pipe(far).pipe(near);
    });
  });
  const url = new URL(to);
  url.port = String(await portOf(relay));
  return {
    url,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}

/** Makes it listen on a free port of this machine. */
export async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address === 'object' && address) return address.port;
  throw new Error('It does not listen on a port');
}
