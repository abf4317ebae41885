// Writes docs/reference/* from the tables in the source; with --check it only says which files differ.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { clauses as asyncClauses } from '../src/async/interface.ts';
import { codes } from '../src/core/errors.ts';
import { negative, type Setting, shown, table } from '../src/serve/settings.ts';
import { origins } from '../src/sync/clause-origins.ts';
import { environKeys } from '../src/sync/environ-keys.ts';
import { type Clause, clauses as syncClauses } from '../src/sync/interface.ts';

const folder = fileURLToPath(new URL('../docs/reference/', import.meta.url));

const generated =
  '<!-- Written by scripts/docs.ts from the source: change it there, then run npm run docs. -->\n\n';
const typeNames = {
  address: 'an address',
  choice: '',
  switch: 'a switch',
  count: 'a whole number',
  size: 'a size',
  duration: 'a time',
  text: 'a text',
  list: 'texts',
  pairs: 'names and values',
};

const pages: Readonly<Record<string, string>> = {
  'settings.md': settingsPage(),
  'errors.md': errorsPage(),
  'contract-sync.md': syncContractPage(),
  'environ.md': environPage(),
  'contract-async.md': contractPage(
    'The async contract',
    'ASGI 3.0 in TypeScript: `src/async/interface.ts` has its types. Each clause has an id, and a test whose title begins with it.',
    asyncClauses,
  ),
};

const unknown = process.argv.slice(2).filter((one) => one !== '--check');
if (unknown.length > 0) {
  console.error(`Cannot read ${unknown.join(' ')}: npm run docs [-- --check]`);
  process.exit(2);
}

const differing = Object.entries(pages).filter(([name, text]) => textOf(name) !== text);
if (process.argv.includes('--check')) {
  for (const [name] of differing) console.error(`docs/reference/${name} differs: run npm run docs`);
  process.exitCode = differing.length > 0 ? 1 : 0;
} else {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of differing) writeFileSync(`${folder}${name}`, text);
  console.log(`docs/reference: ${differing.map(([name]) => name).join(', ') || 'nothing'} written`);
}

function textOf(name: string): string | undefined {
  try {
    return readFileSync(`${folder}${name}`, 'utf8');
  } catch {
    return undefined; // not written yet, which differs
  }
}

function settingsPage(): string {
  const groups = [...new Set(table.map((row) => row.group))];
  const sections = groups.map((group) => {
    const rows = table.filter((row) => row.group === group);
    return `## ${group}\n\n${rows.map(settingText).join('\n')}`;
  });
  return `${generated}# Settings

Each setting is a flag of \`dualgate serve\`, a variable, and an option of \`serve()\`.
The default gives way to the variable, the variable to the flag. In code, options go over variables.

In flags and variables a time is seconds, or \`500ms\`, \`10s\`, \`2m\`, \`1h\`; a size is bytes, or \`512KiB\`, \`16MiB\`, \`1GiB\`;
a switch is \`on\` or \`off\` (also \`1\` and \`0\`, \`true\` and \`false\`, \`yes\` and \`no\`). In code a time is milliseconds and a size is bytes.

${sections.join('\n')}`;
}

function settingText(row: Setting): string {
  const no = row.type === 'switch' ? row.flags.map(negative) : [];
  const flags = [...row.flags, ...no].map(code).join(', ');
  const least = row.least === undefined ? '' : `, at least ${bound(row, row.least)}`;
  const most = row.most === undefined ? '' : `, at most ${bound(row, row.most)}`;
  const kinds = row.choices ? row.choices.map(code).join(', ') : `${typeNames[row.type]}${least}${most}`;
  const fallback = row.default === undefined ? 'see above' : code(shown(row));
  return `### ${row.name}

${row.help}.

| Flags | Variable | In code | Value | Default |
|---|---|---|---|---|
| ${flags} | ${code(row.variable)} | ${code(row.name)} | ${kinds} | ${fallback} |
`;
}

/** A count as it is; a size or a time in units. */
function bound(row: Setting, value: number): string {
  return row.type === 'count' ? String(value) : shown(row, value);
}

function errorsPage(): string {
  const rows = Object.entries(codes).map(([name, meaning]) => `| ${code(name)} | ${meaning} |`);
  return `${generated}# Error codes

Every error of dualgate's own is a \`GatewayError\` and has a \`code\`. A code is never reused for something else.
\`CONTRACT\` errors also have a \`clause\` ([sync](contract-sync.md), [async](contract-async.md)), \`HTTP\` errors a \`status\`.

| Code | Meaning |
|---|---|
${rows.join('\n')}

The command prints one line, \`dualgate: …\`, and ends with 2 for \`USAGE\`, 3 for anything else that kept the app from starting.
With \`--log-level debug\` it prints the stack too.
`;
}

function syncContractPage(): string {
  const counts = { app: 0, server: 0, both: 0, middleware: 0 };
  const rows = Object.entries(syncClauses).map(([id, text]) => {
    const [level, side, checks, source] = origins[id as Clause]; // the table's own keys
    counts[side] += 1;
    return `| ${code(id)} | ${cell(text)} | ${level} | ${side} | ${checks.join(', ')} | ${cell(source)} |`;
  });
  return `${generated}# The sync contract, clause by clause

PEP 3333 in TypeScript: \`src/sync/interface.ts\` has its types. Each clause has an id, and a test whose title begins with it.
V- are what \`wsgiref.validate\`, Werkzeug's lint and Rack::Lint check besides.

- **Level**: \`must\`, \`should\` or \`may\`, as its source has it.
- **Whose** it is to hold: the app's (${counts.app} clauses), the server's (${counts.server}), both's (${counts.both}), middleware's (${counts.middleware}).
- **Checked by**: \`server\`: it holds, or the server refuses with the clause's id. \`lint\`: [lint()](../guide/lint.md) says so. \`types\`: what breaks it does not compile.

| Clause | What holds | Level | Whose | Checked by | Source |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

function environPage(): string {
  const rows = Object.entries(environKeys).map(
    ([key, { when, meaning, from }]) => `| ${code(key)} | ${cell(meaning)} | ${cell(when)} | ${from} |`,
  );
  return `${generated}# The environ, key by key

What the sync server gives an app: each of these keys, and no other (\`W-19\`). What else is in an environ comes from
middleware, or from the deployer (\`--environ KEY=VALUE\`, which takes none of these names).

| Key | Value | When | After |
|---|---|---|---|
${rows.join('\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}

function contractPage(title: string, about: string, clauses: Readonly<Record<string, string>>): string {
  const rows = Object.entries(clauses).map(
    ([id, text]) => `| ${code(id)} | ${text.replaceAll('|', '\\|')} |`,
  );
  return `${generated}# ${title}, clause by clause

${about}

| Clause | What holds |
|---|---|
${rows.join('\n')}
`;
}

function code(text: string): string {
  return `\`${text}\``;
}
