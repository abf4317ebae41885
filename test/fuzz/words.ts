// The words that requests are made of here: words.txt, read.
import { readFileSync } from 'node:fs';

const escapes: Record<string, string> = { s: ' ', e: '', t: '\t', r: '\r', n: '\n' };
const lists = read(readFileSync(new URL('words.txt', import.meta.url), 'latin1'));

/** A list of words.txt, each word one code unit an octet. */
export function words(name: string): readonly string[] {
  const list = lists.get(name);
  if (!list)
    throw new Error(`Cannot find the list "${name}" in words.txt: it has ${[...lists.keys()].join(', ')}`);
  return list;
}

function read(text: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [, name = '', body = ''] of text.matchAll(/^([a-zA-Z]+):\n((?:.+\n)*)/gm))
    found.set(name, body.trim().split(/\s+/).map(unescaped));
  return found;
}

function unescaped(word: string): string {
  return word.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
