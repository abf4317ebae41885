// A request as bytes in a slot, as the parser found it: the thread makes the environ, and no string of it is made before.
import type { Bound, Exchange } from '../../http/exchange.ts';
import { commonFieldNames, fieldName, type FieldName } from '../../http/field-name.ts';
import { Fields } from '../../http/fields.ts';
import { ParsedHead, type Version } from '../../http/head.ts';
import type { Request } from '../environ.ts';

/** The first word, in place of the number of keys of an environ (heads.ts). */
export const asRequest = -1;
/** Words before those of the fields: see encodeRequest. */
const fixed = 10;
const versions: readonly Version[] = ['1.0', '1.1', '2'];
/** What the server is bound to, in the third word. */
const bound = { none: 0, address: 8, path: 16 } as const;

/**
 * Writes [-1, count, flags, two ports, five lengths, (number of the name or ~length of one that is not common, where the
 * value begins, where it ends) …, texts, the text that has the values, names]. Gives the bytes it took; -1 where it does not
 * fit, or has what goes in an environ only (TLS).
 */
export function encodeRequest(exchange: Exchange, region: Buffer, table: Int32Array): number {
  const { head, client, server } = exchange;
  const fields = head.fields;
  if (!fields || exchange.tls) return -1;
  const words = fixed + 3 * fields.count;
  if (words > table.length) return -1;
  const { method, target } = head;
  const { id } = exchange;
  const host = client ? client[0] : '';
  const place = server ? server[0] : '';
  table[0] = asRequest;
  table[1] = fields.count;
  table[2] =
    versions.indexOf(head.version) | (exchange.secure ? 4 : 0) | kindOf(server) | (fields.plain ? 32 : 0);
  table[3] = client ? client[1] : -1;
  table[4] = server?.[1] ?? 0;
  table[5] = method.length;
  table[6] = target.length;
  table[7] = id.length;
  table[8] = host.length;
  table[9] = place.length;
  const names = putFields(table, fields);
  const texts = method + target + id + host + place;
  const length = words * 4 + texts.length + fields.text.length + names.length;
  if (length > region.length) return -1;
  let at = words * 4;
  at += region.write(texts, at, 'latin1');
  at += region.write(fields.text, at, 'latin1');
  if (names !== '') region.write(names, at, 'latin1');
  return length;
}

/** Reads what encodeRequest wrote. */
export function decodeRequest(region: Buffer, table: Int32Array, length: number): Request {
  const count = table[1] ?? 0;
  const flags = table[2] ?? 0;
  const text = region.toString('latin1', (fixed + 3 * count) * 4, length);
  let at = 0;
  const next = (word: number): string => {
    const start = at;
    at += table[word] ?? 0;
    return text.slice(start, at);
  };
  const method = next(5);
  const target = next(6);
  const id = next(7);
  const host = next(8);
  const place = next(9);
  const port = table[3] ?? -1;
  const fields = takeFields(table, text, at);
  return {
    id,
    head: new ParsedHead(method, target, versions[flags & 3] ?? '1.1', fields),
    secure: (flags & 4) !== 0,
    client: port < 0 ? null : [host, port],
    server: serverOf(flags, place, table[4] ?? 0),
    tls: null,
  };
}

function putFields(table: Int32Array, { names, values }: Fields): string {
  let others = '';
  let at = fixed;
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index];
    if (!name) break; // never: the index is below their number
    table[at] = name.number < 0 ? ~name.text.length : name.number;
    table[at + 1] = values[2 * index] ?? 0;
    table[at + 2] = values[2 * index + 1] ?? 0;
    if (name.number < 0) others += name.text;
    at += 3;
  }
  return others;
}

/** `start` is where the text begins that has the values. */
function takeFields(table: Int32Array, text: string, start: number): Fields {
  const count = table[1] ?? 0;
  const names: FieldName[] = [];
  const values: number[] = [];
  let others = text.length;
  for (let at = fixed; at < fixed + 3 * count; at += 3) others -= Math.max(0, ~(table[at] ?? 0));
  for (let at = fixed; at < fixed + 3 * count; at += 3) {
    const code = table[at] ?? 0;
    const known = commonFieldNames[code];
    if (known) names.push(known);
    else {
      names.push(fieldName(text.slice(others, others + ~code)));
      others += ~code;
    }
    values.push(start + (table[at + 1] ?? 0), start + (table[at + 2] ?? 0));
  }
  return new Fields(text, names, values, ((table[2] ?? 0) & 32) !== 0);
}

function kindOf(server: Bound | null): number {
  if (!server) return bound.none;
  return server[1] === null ? bound.path : bound.address;
}

function serverOf(flags: number, place: string, port: number): Bound | null {
  if ((flags & bound.path) !== 0) return [place, null];
  return (flags & bound.address) !== 0 ? [place, port] : null;
}
