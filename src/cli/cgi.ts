// dualgate cgi: one request by CGI, called by a web server.
import { asError, GatewayError } from '../core/errors.ts';
import { createLog } from '../core/log.ts';
import { writeWhole } from '../core/stdio.ts';
import { orRefuse, preparedForCgi } from '../serve/cgi.ts';
import { settle } from '../serve/config.ts';
import { type Args, parseArgs } from './args.ts';
import { cgiSettings, cgiUsage, commandHelp } from './help.ts';

/** Answers with the exit code. */
export async function cgiCommand(argv: readonly string[]): Promise<number> {
  if (process.env['REQUEST_METHOD'] === undefined) return uncalled(argv);
  const run = await orRefuse(async () => {
    const { rest, config: flags } = upToApp(argv);
    const config = settle(flags);
    const format = config.logFormat === 'auto' ? 'text' : config.logFormat; // a web server's log is read by people
    return preparedForCgi(rest[0] ?? '', config, createLog({ level: config.logLevel, format }));
  });
  return run();
}

/** Somebody at a terminal. */
function uncalled(argv: readonly string[]): number {
  const { rest, help } = parseArgs(argv, cgiSettings);
  if (help) {
    writeWhole(1, commandHelp(cgiUsage, cgiSettings));
    return 0;
  }
  const how = `REQUEST_METHOD=GET PATH_INFO=/ dualgate cgi ${rest[0] ?? 'app.ts:app'}`;
  throw new GatewayError('USAGE', `No request: a web server calls this command by CGI; to try it: ${how}`);
}

/**
 * The words behind the app are not looked at: they come from the client, where a query has no "=" (RFC 3875 §4.4), and
 * must never become flags.
 */
function upToApp(argv: readonly string[]): Args {
  let fault: unknown = new GatewayError('USAGE', 'No app: say which one, as in dualgate cgi app.ts:app');
  for (let count = 1; count <= argv.length; count += 1) {
    try {
      const args = parseArgs(argv.slice(0, count), cgiSettings);
      if (args.rest.length === 1) return args;
    } catch (error) {
      fault = asError(error); // a flag that still lacks its value, or one that there is not
    }
  }
  throw fault;
}
