// The orders of the page, checked at the door: which cell, which path, how many requests, how long a wait.
import { HttpError } from '../core/errors.ts';
import type { CellId, RaceOrder, SendOrder } from './messages.ts';
import { places } from './runner.ts';

const maxRequests = 16;
const maxWait = 1000;
const maxPath = 200;

/** Each throws HttpError 400 that says what is wrong. */
export function sendOrder(value: unknown): SendOrder {
  const { cell, path } = fieldsOf(value);
  if (typeof path !== 'string' || !path.startsWith('/') || path.length > maxPath) {
    throw new HttpError(400, `A path starts with "/" and has at most ${maxPath} characters`);
  }
  // As an address field would send it: what is not ASCII as percent-encoded UTF-8.
  const { pathname, search } = new URL(`http://cell${path}`);
  return { cell: cellOf(cell), path: `${pathname}${search}` };
}

export function restartOrder(value: unknown): CellId {
  return cellOf(fieldsOf(value)['cell']);
}

export function raceOrder(value: unknown): RaceOrder {
  const { cells, requests, wait } = fieldsOf(value);
  if (!Array.isArray(cells) || cells.length === 0) throw new HttpError(400, 'A race needs a cell');
  const distinct = [...new Set(cells.map(cellOf))];
  return {
    cells: distinct,
    requests: between(requests, 1, maxRequests, 'requests'),
    wait: between(wait, 1, maxWait, 'wait'),
  };
}

function cellOf(value: unknown): CellId {
  const place = places.find(({ id }) => id === value);
  if (!place) throw new HttpError(400, `There is no cell ${JSON.stringify(value)}`);
  return place.id;
}

function between(value: unknown, least: number, most: number, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new HttpError(400, `"${name}" is a whole number from ${least} to ${most}`);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new HttpError(400, 'An order is a JSON object');
  return { ...value };
}
