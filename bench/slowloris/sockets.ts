// The kernel's own list of a server's connections: which are the server's still, and which only the kernel's.
import { readFileSync } from 'node:fs';

export interface Sockets {
  /** Remote ports of connections that the server holds open. */
  readonly open: ReadonlySet<number>;
  /** Connections that nobody holds, whose answer the kernel goes on offering. */
  readonly orphans: number;
}

/** Linux: /proc/net/tcp has one line a socket (proc(5)). */
export function socketsOf(port: number): Sockets {
  const here = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const open = new Set<number>();
  let orphans = 0;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, local, remote = '', state, queues = '', , , , , inode] = line.trim().split(/\s+/);
    if (local !== here) continue;
    if (state === established) open.add(Number.parseInt(remote.split(':')[1] ?? '0', 16));
    else if (inode === '0' && !queues.startsWith('00000000:')) orphans += 1;
  }
  return { open, orphans };
}

const established = '01';

/**
 * How many answers that nobody reads the kernel can hold before all TCP of this machine suffers: half of the way to its
 * memory pressure, each with a full send buffer and a receive buffer (tcp(7)).
 */
export function roomForAnswers(): number {
  const numbers = (name: string): number[] =>
    readFileSync(`/proc/sys/net/ipv4/${name}`, 'latin1').trim().split(/\s+/).map(Number);
  const [, pressure = 0] = numbers('tcp_mem');
  const [, , send = 0] = numbers('tcp_wmem');
  const [, receive = 0] = numbers('tcp_rmem');
  return Math.floor((pressure * page) / 2 / (send + 2 * receive));
}

const page = 4096;
