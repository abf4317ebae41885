// What a program sees of the lab: its cells, as their event stream tells them.
import type { Cell, CellId } from '../../src/lab/messages.ts';

/** Resolves with the cells once `enough` says so; the caller's test has the deadline. */
export async function cellsOf(lab: string, enough: (cells: readonly Cell[]) => boolean): Promise<Cell[]> {
  const response = await fetch(`${lab}/api/cells`);
  let text = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      // Each event of the stream holds all cells.
      const cells = JSON.parse(event.replace(/^data: /, '')) as Cell[];
      if (enough(cells)) return cells;
    }
  }
  throw new Error('The stream of cells ended');
}

export function allReady(cells: readonly Cell[]): boolean {
  return cells.every(({ state }) => state.name === 'ready');
}

export function pidsOf(cells: readonly Cell[]): number[] {
  return cells.flatMap(({ state }) => (state.name === 'ready' ? [state.pid] : []));
}

/** Ends one server without a warning. */
export async function killCell(lab: string, id: CellId): Promise<void> {
  const cells = await cellsOf(lab, allReady);
  for (const pid of pidsOf(cells.filter((cell) => cell.id === id))) process.kill(pid, 'SIGKILL');
}
