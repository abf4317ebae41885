// Takes what a socket has read before its stream makes an event of it.
import type { Socket } from 'node:net';

/**
 * net.Socket gives each packet to its own push(), and for each of them the stream asks for a turn of the loop and for more:
 * 0.6 µs that a server which reads all the time has no use for (GET, 0.04 of raw node:http's CPU). So push() is taken in
 * front of it while the stream flows and holds nothing; else it does what it always does. The caller listens to 'data'
 * as well: what came while the socket was paused comes there, and all of it would where a Node calls no push().
 */
export function tap(socket: Socket, take: (bytes: Buffer) => void): void {
  const push = socket.push;
  socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (!Buffer.isBuffer(chunk) || socket.readableLength > 0 || socket.isPaused())
      return push.call(socket, chunk, encoding);
    take(chunk);
    return true;
  };
}

/** The socket is as it was: for whoever it is given to. */
export function untap(socket: Socket): void {
  Reflect.deleteProperty(socket, 'push'); // the one of its class is behind it
}
