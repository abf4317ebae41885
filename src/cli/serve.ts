// dualgate serve: an app on a server, until it is told to stop.
import { GatewayError } from '../core/errors.ts';
import { writeWhole } from '../core/stdio.ts';
import { settle } from '../serve/config.ts';
import { logFor, serve } from '../serve/serve.ts';
import { parseArgs } from './args.ts';
import { commandHelp, serveUsage } from './help.ts';
import { runUntilStopped } from './stop.ts';

/** Answers with the exit code. */
export async function serveCommand(argv: readonly string[]): Promise<number> {
  const { rest, config: flags, help } = parseArgs(argv);
  if (help) {
    writeWhole(1, commandHelp(serveUsage));
    return 0;
  }
  const app = oneApp(rest);
  const config = settle(flags);
  const log = logFor(config);
  return runUntilStopped(() => serve(app, { ...config, log }), log);
}

function oneApp([app, ...more]: readonly string[]): string {
  if (app === undefined) {
    throw new GatewayError('USAGE', 'No app: say which one, as in dualgate serve app.ts:app');
  }
  if (more.length > 0) {
    throw new GatewayError('USAGE', `One app at a time: "${app}", and then there is "${more.join(' ')}"`);
  }
  return app;
}
