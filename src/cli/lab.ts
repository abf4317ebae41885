// dualgate lab: the page that shows sync and async side by side, until it is told to stop.
import { GatewayError } from '../core/errors.ts';
import { writeWhole } from '../core/stdio.ts';
import { startLab } from '../lab/lab.ts';
import { settle } from '../serve/config.ts';
import { logFor } from '../serve/serve.ts';
import { parseArgs } from './args.ts';
import { commandHelp, labSettings, labUsage } from './help.ts';
import { runUntilStopped } from './stop.ts';

/** Answers with the exit code. */
export async function labCommand(argv: readonly string[]): Promise<number> {
  const { rest, config: flags, help } = parseArgs(argv, labSettings);
  if (help) {
    writeWhole(1, commandHelp(labUsage, labSettings));
    return 0;
  }
  if (rest.length > 0) {
    throw new GatewayError('USAGE', `Cannot serve "${rest.join(' ')}" in the lab: it brings its own apps`);
  }
  const config = settle(flags);
  const log = logFor(config);
  return runUntilStopped(() => startLab({ bind: config.bind, log }), log);
}
