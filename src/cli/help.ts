// What the command prints for --help, out of the settings table.
import { negative, type Setting, type SettingName, shown, table } from '../serve/settings.ts';

export const overview = `dualgate: sync and async apps (WSGI and ASGI, in TypeScript), on one gateway

Usage
  dualgate serve APP [flags]   serve an app, such as app.ts:app
  dualgate cgi [flags] APP     answer one request by CGI, called by a web server
  dualgate lab [flags]         a page that shows sync and async side by side
  dualgate help [COMMAND]      this, or a command's flags
  dualgate --version           the version

An app is a function that a module exports. Two parameters (environ, startResponse): a sync app.
Three parameters (scope, receive, send): an async app.
`;

export const serveUsage = `dualgate serve APP [flags]

APP is a module (.ts, .mts, .js, .mjs) and the name of its export, such as app.ts:app;
app.ts alone means its export "app", or else its default one.
`;

export const cgiUsage = `dualgate cgi [flags] APP

Answers one request by CGI (RFC 3875): a web server calls it, with the request in variables and
standard input. Flags stand before the app; what stands behind it is not looked at.
`;

/** The settings that one request by CGI takes. */
export const cgiSettings: readonly SettingName[] = [
  'interface',
  'factory',
  'lifespan',
  'logLevel',
  'logFormat',
];

export const labUsage = `dualgate lab [flags]

A page of running servers: sync and async apps, on the sync and the async server.
`;

/** The settings that the lab takes; its servers have their own. */
export const labSettings: readonly SettingName[] = ['bind', 'logLevel', 'logFormat'];

/** A command's usage, its flags by group, and what holds for all of them. */
export function commandHelp(usage: string, names?: readonly SettingName[]): string {
  const rows = table.filter((row) => !names || names.some((name) => name === row.name));
  const groups = [...new Set(rows.map((row) => row.group))];
  const sections = groups.map((group) => {
    const own = rows.filter((row) => row.group === group).map(flagHelp);
    return `${group}\n${own.join('')}`;
  });
  return `${usage}\n${sections.join('\n')}\n${closing}`;
}

const closing = `A flag goes over its variable, a variable over the default.
A time is seconds, or 500ms, 10s, 2m; a size is bytes, or 512KiB, 16MiB, 1GiB.
Exit codes: 0 stopped or answered, 1 cut short, 2 wrong usage, 3 the app did not start, 4 too
many threads stuck in native calls.
`;

const indent = '      ';
const width = 92;

function flagHelp(row: Setting): string {
  const notes = [row.default === undefined ? '' : `default ${shown(row)}`, row.variable].filter(Boolean);
  const text = `${row.help} (${notes.join('; ')})`;
  return `  ${flagsOf(row)}\n${wrap(text)}`;
}

/** `-b, --bind ADDRESS`, `--access-log, --no-access-log`, `--server auto|sync|async`. */
function flagsOf(row: Setting): string {
  const short = row.flags.filter((flag) => !flag.startsWith('--'));
  const long = row.flags.filter((flag) => flag.startsWith('--'));
  const no = row.type === 'switch' && row.default === true ? long.map(negative) : [];
  const value = row.type === 'switch' ? '' : ` ${row.choices?.join('|') ?? row.value ?? 'VALUE'}`;
  return `${[...short, ...long, ...no].join(', ')}${value}`;
}

function wrap(text: string): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last.length + word.length < width) lines.splice(-1, 1, last ? `${last} ${word}` : word);
    else lines.push(word);
  }
  return lines.map((line) => `${indent}${line}\n`).join('');
}
