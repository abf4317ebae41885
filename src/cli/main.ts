// The command: finds the subcommand, prints what went wrong in one line, and ends with its exit code.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { asError, GatewayError } from '../core/errors.ts';
import { writeWhole } from '../core/stdio.ts';
import { nearest } from '../serve/nearest.ts';
import { cgiSettings, cgiUsage, commandHelp, labSettings, labUsage, overview, serveUsage } from './help.ts';

/** Runs `dualgate ...argv` and ends the process: 0 stopped, 1 cut short, 2 wrong usage, 3 it did not start, 4 its threads ran out. */
export async function main(argv: readonly string[]): Promise<void> {
  let code: number;
  try {
    code = await run(argv);
  } catch (thrown) {
    const error = asError(thrown);
    writeWhole(2, `dualgate: ${debugging(argv) ? inFull(error) : inOneLine(error)}\n`);
    code = error instanceof GatewayError && error.code === 'USAGE' ? 2 : 3;
  }
  // An app may have left timers and sockets behind: they don't keep a stopped server alive.
  process.exit(code);
}

/** A command's module is loaded when the command runs: `serve` waits for no lab. */
async function run([command, ...argv]: readonly string[]): Promise<number> {
  switch (command) {
    case 'serve':
      return (await import('./serve.ts')).serveCommand(argv);
    case 'cgi':
      return (await import('./cgi.ts')).cgiCommand(argv);
    case 'lab':
      return (await import('./lab.ts')).labCommand(argv);
    case 'help':
    case '--help':
    case '-h':
      writeWhole(1, helpFor(argv[0]));
      return 0;
    case '--version':
    case '-V':
      writeWhole(1, `dualgate ${version()}\n`);
      return 0;
    default:
      throw unknownCommand(command);
  }
}

function helpFor(command: string | undefined): string {
  if (command === undefined) return overview;
  if (command === 'serve') return commandHelp(serveUsage);
  if (command === 'cgi') return commandHelp(cgiUsage, cgiSettings);
  if (command === 'lab') return commandHelp(labUsage, labSettings);
  throw unknownCommand(command);
}

function unknownCommand(command: string | undefined): GatewayError {
  if (command === undefined) {
    return new GatewayError('USAGE', 'No command: say dualgate serve app.ts:app, or dualgate help');
  }
  if (/\.(m?[jt]s)(:|$)/.test(command)) {
    return new GatewayError('USAGE', `Unknown command "${command}": say dualgate serve ${command}`);
  }
  const near = nearest(command, ['serve', 'cgi', 'lab', 'help']);
  const hint = near ? `did you mean dualgate ${near}?` : 'there are serve, cgi, lab and help';
  return new GatewayError('USAGE', `Unknown command "${command}": ${hint}`);
}

function version(): string {
  // Our own package.json, two folders up from src/cli and from dist/cli.
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

function inOneLine(error: Error): string {
  const named = error instanceof GatewayError ? error.message : `${error.name}: ${error.message}`;
  const missing = 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  const remedy = missing ? `: run npm ci in ${fileURLToPath(new URL('../../', import.meta.url))}` : '';
  return `${named.replace(/\s*\n\s*/g, ' ')}${remedy}`;
}

/** With its stack, and those of its causes. */
function inFull(error: Error): string {
  // asError() makes an error of anything else, with that as its cause again
  const { cause: reason } = error;
  const cause = reason instanceof Error ? `\ncaused by ${inFull(reason)}` : '';
  return `${error.stack ?? inOneLine(error)}${cause}`;
}

/** Was debugging asked for? Looked up by hand: what went wrong may be the flags themselves. */
function debugging(argv: readonly string[]): boolean {
  const flag = argv.findLast((word, at) => word === '--log-level=debug' || argv[at - 1] === '--log-level');
  return (flag ?? process.env['DUALGATE_LOG_LEVEL'])?.replace('--log-level=', '') === 'debug';
}
