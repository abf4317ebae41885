// Ends a child that a test has started, and waits until it is gone.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** SIGTERM, and SIGKILL after `patience` ms; nothing where it has ended already. */
export async function stop(child: ChildProcess, patience = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), patience);
  await exited.finally(() => clearTimeout(late));
}
