// What a heap holds, by constructor: how much more of each there is in a second snapshot than in a first.
import { readFileSync } from 'node:fs';

export interface Growth {
  readonly name: string;
  /** Objects. */
  readonly count: number;
  /** Their own bytes, without what they refer to. */
  readonly bytes: number;
}

interface Snapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly unknown[] };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** Largest first. */
export function growth(before: string, after: string): Growth[] {
  const first = tally(before);
  return [...tally(after)]
    .map(([name, { count, bytes }]) => {
      const old = first.get(name) ?? { count: 0, bytes: 0 };
      return { name, count: count - old.count, bytes: bytes - old.bytes };
    })
    .sort((a, b) => b.bytes - a.bytes);
}

function tally(path: string): Map<string, { count: number; bytes: number }> {
  // V8 has written it: its shape is Snapshot.
  const { snapshot, nodes, strings } = JSON.parse(readFileSync(path, 'utf8')) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = [fields.indexOf('type'), fields.indexOf('name'), fields.indexOf('self_size')];
  const kinds = Array.isArray(types[type]) ? types[type].map(String) : [];
  const sums = new Map<string, { count: number; bytes: number }>();
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = kinds[nodes[at + type] ?? 0] ?? '';
    const text = strings[nodes[at + name] ?? 0] ?? '';
    const called = /string/.test(kind)
      ? `(${kind})`
      : kind === 'object'
        ? text
        : `(${kind}) ${text.slice(0, 60)}`;
    const sum = sums.get(called) ?? { count: 0, bytes: 0 };
    sum.count += 1;
    sum.bytes += nodes[at + size] ?? 0;
    sums.set(called, sum);
  }
  return sums;
}
