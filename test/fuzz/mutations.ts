// Bytes that were good (or known to be bad), with something changed: a bit, a word, a line, a number, an order.
import type { Seeded } from './seeded.ts';
import { words } from './words.ts';

/** Up to five changes, one after the other. `other` is what is spliced in. */
export function mutated(random: Seeded, text: string, other: string): string {
  let changed = text;
  for (let left = 1 + random.below(random.pick([1, 2, 5])); left > 0; left -= 1)
    changed = change(random, changed, other);
  return changed.slice(0, 40_000);
}

function change(random: Seeded, text: string, other: string): string {
  const at = random.once(2) ? border(random, text) : random.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + random.below(random.pick([1, 4, 30])));
  const before = text.slice(0, at);
  const after = text.slice(at);
  switch (random.below(11)) {
    case 0: // a bit flips
      return flipped(random, text, at);
    case 1: // another octet
      return before + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 2: // an octet more
      return before + String.fromCharCode(random.below(256)) + after;
    case 3: // a word in between
    case 4:
      return before + random.pick(words('splices')) + after;
    case 5: // a word instead
      return before + random.pick(words('splices')) + text.slice(end);
    case 6: // something is missing
      return before + text.slice(end);
    case 7: // something comes twice
      return text.slice(0, end) + text.slice(at);
    case 8: // a piece of something else
      return before + other.slice(random.below(other.length + 1)).slice(0, 1 + random.below(120)) + after;
    case 9:
      return relined(random, text);
    default:
      return renumbered(random, text);
  }
}

/** Where a token begins or ends: that is where parsers stumble. */
function border(random: Seeded, text: string): number {
  const start = random.below(text.length + 1);
  const found = /[\s:;,=/"]/.exec(text.slice(start));
  return found ? start + found.index + random.below(2) : start;
}

function flipped(random: Seeded, text: string, at: number): string {
  if (at >= text.length) return text;
  const octet = text.charCodeAt(at) ^ (1 << random.below(8));
  return text.slice(0, at) + String.fromCharCode(octet) + text.slice(at + 1);
}

/** A line is left out, comes twice, or changes its place. */
function relined(random: Seeded, text: string): string {
  const lines = text.split('\r\n');
  const at = random.below(lines.length);
  const line = lines[at] ?? '';
  const way = random.below(3);
  if (way !== 1) lines.splice(at, 1);
  if (way !== 0) lines.splice(random.below(lines.length + 1), 0, line);
  return lines.join('\r\n');
}

function renumbered(random: Seeded, text: string): string {
  const numbers = [...text.matchAll(/\d+/g)];
  if (numbers.length === 0) return text;
  const { 0: number, index } = random.pick(numbers);
  const other = `${Math.max(0, Number(number) + random.below(5) - 2)}`;
  return (
    text.slice(0, index) +
    random.pick([other, `0${number}`, `${number}0`, '']) +
    text.slice(index + number.length)
  );
}
