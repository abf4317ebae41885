// The two apps side by side: lines paired by likeness, words coloured, what differs marked. No library.

/** @typedef {{ kind: string, text: string }} Token */

const token = new RegExp(
  [
    '(?<comment>//.*)',
    "(?<string>'(?:[^'\\\\]|\\\\.)*'|`(?:[^`\\\\]|\\\\.)*`)",
    '(?<wait>\\b(?:async|await|sleep)\\b)',
    '(?<keyword>\\b(?:import|from|export|const|let|type|as|if|else|throw|new|return|function|for|of)\\b)',
    '(?<number>\\b\\d[\\d_]*\\b)',
    '(?<name>[A-Za-z_$][\\w$]*)',
    '(?<space>\\s+)',
    '(?<sign>=>|[^\\s])',
  ].join('|'),
  'g',
);

/** Kinds that are marked where they differ; of strings and signs there would be too many. */
const telling = new Set(['name', 'type', 'wait']);

/** @param {string} line @returns {Token[]} */
export function tokens(line) {
  return [...line.matchAll(token)].map((match) => {
    const [kind = 'sign', text = ''] =
      Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined) ?? [];
    const type = kind === 'name' && /^[A-Z]/.test(text) ? 'type' : kind;
    return { kind: type, text };
  });
}

/**
 * Pairs the lines of two texts, in order, so that what is alike stands side by side.
 * @param {string[]} left @param {string[]} right
 * @returns {Array<[left: number | null, right: number | null]>} line numbers from 0; null is a gap
 */
export function pair(left, right) {
  /** @param {number} a @param {number} b */
  const likeness = (a, b) => alike(left[a] ?? '', right[b] ?? '');
  /** Best score of what follows line a and line b. @type {number[][]} */
  const best = Array.from({ length: left.length + 1 }, () => Array(right.length + 1).fill(0));
  /** @param {number} a @param {number} b */
  const at = (a, b) => best[a]?.[b] ?? 0;
  for (let a = left.length - 1; a >= 0; a -= 1) {
    for (let b = right.length - 1; b >= 0; b -= 1) {
      const row = best[a];
      if (row) row[b] = Math.max(at(a + 1, b), at(a, b + 1), at(a + 1, b + 1) + likeness(a, b));
    }
  }
  /** @type {Array<[number | null, number | null]>} */
  const pairs = [];
  let [a, b] = [0, 0];
  while (a < left.length || b < right.length) {
    if (
      a < left.length &&
      b < right.length &&
      likeness(a, b) > 0 &&
      at(a, b) === at(a + 1, b + 1) + likeness(a, b)
    ) {
      pairs.push([a++, b++]);
    } else if (b === right.length || (a < left.length && at(a, b) === at(a + 1, b))) pairs.push([a++, null]);
    else pairs.push([null, b++]);
  }
  return pairs;
}

/** 0 for strangers, 1 for the same line; empty lines like each other a little. @param {string} a @param {string} b */
function alike(a, b) {
  if (a.trim() === '' || b.trim() === '') return a.trim() === b.trim() ? 0.2 : 0;
  const [one, two] = [words(a), words(b)];
  const shared = one.filter((word) => two.includes(word)).length;
  const score = (2 * shared) / (one.length + two.length);
  return score >= 0.3 ? score : 0;
}

/** Its words, and the sign that it begins with. @param {string} line */
function words(line) {
  return [...(line.match(/\w+/g) ?? []), ...(line.match(/^\s*[^\w\s]/) ?? [])];
}

/**
 * Fills `place` with two panes of the same height.
 * @param {Element} place
 * @param {import('../messages.js').Code} code
 */
export function showCode(place, code) {
  const sides = /** @type {const} */ (['sync', 'async']);
  const lines = { sync: linesOf(code.sync.text), async: linesOf(code.async.text) };
  const pairs = pair(lines.sync, lines.async);
  place.replaceChildren(
    ...sides.map((side, index) => {
      const pre = element('pre', '', element('code', ''));
      pre.tabIndex = 0;
      pre.setAttribute('role', 'region');
      pre.setAttribute('aria-label', `Code of the ${side} app`);
      for (const row of pairs)
        pre.firstElementChild?.append(lineOf(row, index, lines[side], lines[other(side)]));
      const name = element(
        'figcaption',
        '',
        element('b', '', `${side} app`),
        element('code', '', code[side].file),
      );
      return element('figure', `pane ${side}`, name, pre);
    }),
  );
}

/**
 * @param {[number | null, number | null]} row @param {number} index which of its two sides
 * @param {string[]} mine @param {string[]} theirs
 */
function lineOf(row, index, mine, theirs) {
  const [own, twin] = [row[index] ?? null, row[1 - index] ?? null];
  if (own === null) return element('span', 'line gap', '\n');
  const twinWords = tokens(twin === null ? '' : (theirs[twin] ?? '')).map(({ text }) => text);
  const parts = tokens(mine[own] ?? '').map(({ kind, text }) => {
    const differs = twin !== null && telling.has(kind) && !twinWords.includes(text);
    return element(differs ? 'mark' : 'span', kind, text);
  });
  const line = element('span', twin === null ? 'line alone' : 'line', ...parts, '\n');
  line.dataset['number'] = String(own + 1);
  return line;
}

/** @param {'sync' | 'async'} side */
function other(side) {
  return side === 'sync' ? 'async' : 'sync';
}

/** @param {string} text */
function linesOf(text) {
  return text.trimEnd().split('\n');
}

/**
 * @param {string} name @param {string} className @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
