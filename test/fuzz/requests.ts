// Requests by the grammar of HTTP/1, with a word here and there that does not belong there.
import type { Limits } from '../../src/http/limits.ts';
import type { Seeded } from './seeded.ts';
import { words } from './words.ts';

/**
 * A few requests, one behind the other. `odd`: one choice in so many is a bad one; 0: none is. The last request is a
 * plain one, nearly always: it is seen as what it is only where everything before it ended in the right place.
 */
export function requests(random: Seeded, odd: number): string {
  let text = '';
  for (let left = 1 + random.below(random.pick([1, 1, 2, 4])); left > 0; left -= 1)
    text += request(random, odd);
  return random.once(12) ? text : `${text}GET /last HTTP/1.1\r\nHost: last\r\n\r\n`;
}

function request(random: Seeded, odd: number): string {
  const bad = (): boolean => odd > 0 && random.once(odd);
  const target = random.pick(bad() ? words('oddTargets') : words('targets'));
  const known = target === '*' ? ['OPTIONS'] : words('methods');
  const method = random.pick(bad() ? words('oddMethods') : known);
  const blank = (): string => (bad() ? random.pick(words('blanks')) : ' ');
  const end = (): string => (bad() ? random.pick(words('lineEnds')) : '\r\n');
  const body = bodyOf(random, bad);
  const spoken = body.chunked ? ['HTTP/1.1'] : words('versions');
  const version = random.pick(bad() ? words('oddVersions') : spoken);
  const lines = shuffled(random, [...fields(random, bad, target), ...body.lines]);
  const lead = random.once(20) ? '\r\n' : '';
  let text = `${bad() ? random.pick(words('lineEnds')) : lead}${method}${blank()}${target}${blank()}${version}${end()}`;
  for (const [name, value] of lines) text += line(random, bad, name, value) + end();
  return `${text}${end()}${body.text}`;
}

/** Requests that come close to a limit, from below or from above. */
export function sized(random: Seeded, limits: Limits): string {
  const about = (size: number): number => Math.max(0, size + random.below(9) - 4);
  const host = 'Host: a\r\n';
  const chunkedHead = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`;
  switch (random.below(8)) {
    case 0:
      return `GET /${'a'.repeat(about(limits.maxTarget))} HTTP/1.1\r\n${host}\r\n`;
    case 1:
      return `GET / HTTP/1.1\r\n${host}X: ${'y'.repeat(about(limits.maxHead - 34))}\r\n\r\n`;
    case 2:
      return `GET / HTTP/1.1\r\n${host}${'X: y\r\n'.repeat(about(limits.maxHeaders))}\r\n`;
    case 3:
      return `GET / HTTP/1.1\r\n${host}${'y'.repeat(about(limits.maxHead - 34))}: X\r\n\r\n`;
    case 4:
      return `${chunkedHead}1;${'a'.repeat(about(limits.maxExtensions))}\r\nx\r\n0\r\n\r\n`;
    case 5:
      return `${chunkedHead}${`1;${'a'.repeat(63)}\r\nx\r\n`.repeat(about(limits.maxExtensions / 64))}0\r\n\r\n`;
    case 6:
      return `${chunkedHead}0\r\nX: ${'y'.repeat(about(limits.maxTrailers - 7))}\r\n\r\n`;
    default:
      return `${chunkedHead}0\r\n${'X: y\r\n'.repeat(about(limits.maxHeaders))}\r\n`;
  }
}

type Line = readonly [name: string, value: string];

/** `name: value`, with the blanks that may stand there, and those that may not. */
function line(random: Seeded, bad: () => boolean, name: string, value: string): string {
  const before = bad() && random.once(2) ? random.pick(words('blanks')) : '';
  const colon = bad() && random.once(4) ? random.pick(['', '::', ' :', ';', '=']) : ':';
  const after = random.once(6) ? random.pick(['', '  ', '\t', ' \t ']) : ' ';
  const behind = random.once(12)
    ? random.pick([' ', '\t', ' \t', '   '])
    : bad()
      ? random.pick(words('blanks'))
      : '';
  return `${name}${before}${colon}${after}${value}${behind}`;
}

function fields(random: Seeded, bad: () => boolean, target: string): Line[] {
  const lines: Line[] = [];
  const own = /^https?:\/\/([^/?#]*)/i.exec(target)?.[1];
  const host = bad() ? random.pick(words('oddHosts')) : (own ?? random.pick(words('hosts')));
  if (!bad()) lines.push([cased(random, 'Host'), host]);
  if (bad()) lines.push([cased(random, 'Host'), random.once(2) ? host : random.pick(words('hosts'))]);
  for (let left = random.below(4); left > 0; left -= 1) {
    const name = random.pick(bad() ? words('oddNames') : words('names'));
    lines.push([name, random.pick(bad() ? words('oddValues') : words('values'))]);
  }
  if (random.once(4)) lines.push([cased(random, 'Connection'), random.pick(words('connections'))]);
  if (random.once(20)) lines.push([cased(random, 'Connection'), random.pick(words('connections'))]);
  if (random.once(12))
    lines.push([cased(random, 'Upgrade'), random.pick(['websocket', 'h2c', 'x'])], ['Connection', 'Upgrade']);
  if (random.once(15))
    lines.push([cased(random, 'Expect'), bad() ? random.pick(words('expectations')) : '100-continue']);
  return lines;
}

function bodyOf(random: Seeded, bad: () => boolean): { lines: Line[]; text: string; chunked: boolean } {
  const kind = random.below(8);
  if (kind < 3) return { lines: [], text: '', chunked: false };
  const lines: Line[] = [];
  if (kind < 5) {
    const text = data(random);
    lines.push([cased(random, 'Content-Length'), bad() ? random.pick(words('lengths')) : `${text.length}`]);
    if (bad())
      lines.push([
        cased(random, 'Content-Length'),
        random.once(2) ? `${text.length}` : random.pick(words('lengths')),
      ]);
    if (bad()) lines.push([cased(random, 'Transfer-Encoding'), random.pick(words('codings'))]);
    return { lines, text, chunked: false };
  }
  lines.push([cased(random, 'Transfer-Encoding'), bad() ? random.pick(words('codings')) : 'chunked']);
  if (bad()) lines.push([cased(random, 'Transfer-Encoding'), random.pick(words('codings'))]);
  if (bad()) lines.push([cased(random, 'Content-Length'), random.pick(words('lengths'))]);
  return { lines, text: chunks(random, bad), chunked: true };
}

function chunks(random: Seeded, bad: () => boolean): string {
  let text = '';
  for (let left = random.below(4); left > 0; left -= 1) {
    const piece = data(random) || 'x';
    text += `${size(random, bad, piece.length)}${extension(random, bad)}${lineEnd(random, bad)}`;
    text += `${piece}${bad() ? random.pick(words('dataEnds')) : '\r\n'}`;
  }
  text += `${size(random, bad, 0)}${extension(random, bad)}${lineEnd(random, bad)}`;
  if (random.once(4))
    for (let left = 1 + random.below(2); left > 0; left -= 1) {
      const name = random.pick(
        bad() ? words('oddNames') : random.once(4) ? words('trailerNames') : ['X', 'x-y', 'ETag'],
      );
      const value = random.pick(bad() ? words('oddValues') : words('values'));
      text += line(random, bad, name, value) + lineEnd(random, bad);
    }
  return text + lineEnd(random, bad);
}

function size(random: Seeded, bad: () => boolean, length: number): string {
  if (bad()) return random.pick(words('oddSizes'));
  const digits = length.toString(16);
  if (random.once(8)) return digits.toUpperCase().padStart(1 + random.below(12), '0');
  return digits;
}

function extension(random: Seeded, bad: () => boolean): string {
  if (bad()) return random.pick(words('extensions'));
  return random.once(10) ? random.pick([';a', ';a=b', ';a="b c"', ';a=b;c']) : '';
}

function lineEnd(random: Seeded, bad: () => boolean): string {
  return bad() ? random.pick(words('lineEnds')) : '\r\n';
}

/** What looks like more than it is, where a body is taken for a request. */
function data(random: Seeded): string {
  return random.pick([
    '',
    'hello',
    'hello',
    '\r\n',
    '0\r\n\r\n',
    'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    '\0\xff\r\n\x80',
    'x'.repeat(1 + random.below(40)),
  ]);
}

function cased(random: Seeded, name: string): string {
  if (!random.once(6)) return name;
  return random.once(2)
    ? name.toLowerCase()
    : [...name].map((letter) => (random.once(2) ? letter.toUpperCase() : letter)).join('');
}

function shuffled(random: Seeded, lines: Line[]): Line[] {
  if (random.once(2)) return lines;
  for (let at = lines.length - 1; at > 0; at -= 1) {
    const [from] = lines.splice(random.below(at + 1), 1);
    if (from) lines.push(from);
  }
  return lines;
}
