// Numbers about numbers: medians, quartiles, ratios of slices of the same round.
import type { Slice } from './slice.ts';

/** What one server did under one load. */
export interface Row {
  readonly node: string;
  readonly load: string;
  readonly server: string;
  readonly slices: readonly Slice[];
  /** CPU per request as a share of raw node:http's in the same round. */
  readonly ratios: readonly number[];
  /** Their median: half of the rounds were better. */
  readonly ratio: number;
  /** The lower quartile of its CPU per request over that of raw node:http: what disturbs a slice is left out of both. */
  readonly q25: number;
}

export function rowOf(
  node: string,
  load: string,
  server: string,
  slices: readonly Slice[],
  raw: readonly Slice[],
): Row {
  // a slice in which nothing was answered says nothing: the machine was elsewhere
  const ratios = slices
    .map(({ cpu }, round) => cpu / (raw[round]?.cpu ?? Number.NaN))
    .filter((ratio) => Number.isFinite(ratio));
  const lower = (some: readonly Slice[]): number => quantile(cpus(some), 0.25);
  return { node, load, server, slices, ratios, ratio: median(ratios), q25: lower(slices) / lower(raw) };
}

/** Requests that were answered in a second. */
export function rateOf(row: Row): number {
  return middle(row, (one) => one.requests / one.seconds);
}

export function middle({ slices }: Row, pick: (slice: Slice) => number): number {
  return median(slices.filter(({ cpu }) => Number.isFinite(cpu)).map(pick));
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** Between two neighbours in proportion. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low = Number.NaN, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

function cpus(slices: readonly Slice[]): number[] {
  return slices.map(({ cpu }) => cpu).filter((cpu) => Number.isFinite(cpu));
}
