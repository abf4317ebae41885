// A process and all below it, as /proc tells: their CPU time, their end.
import { readdirSync, readFileSync } from 'node:fs';

/** It, and what it has started, and so on. */
export function treeOf(pid: number): number[] {
  const found = [pid];
  for (const each of found) found.push(...childrenOf(each));
  return found;
}

/** Nanoseconds of CPU of all threads of the processes (user and kernel). */
export function cpuOf(pids: readonly number[]): number {
  return pids.flatMap(threadsOf).reduce((sum, folder) => {
    const [time] = textOf(`${folder}/schedstat`).split(' ');
    return sum + Number(time);
  }, 0);
}

/** Kills all of it: whoever is above first, so that none of them is replaced. */
export function killTree(pid: number): void {
  for (const each of treeOf(pid)) {
    try {
      process.kill(each, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  }
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((folder) =>
    textOf(`${folder}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`);
  } catch {
    return []; // it has ended
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // a thread that ended between the two reads
  }
}
