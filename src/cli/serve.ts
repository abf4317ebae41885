// dualgate serve: an app on a server, until it is told to stop.
import { GatewayError } from '../core/errors.ts';
import { writeWhole } from '../core/stdio.ts';
import { settle } from '../serve/config.ts';
import { logFor, type Served, serve } from '../serve/serve.ts';
import { parseArgs } from './args.ts';
import { hearHangup } from './hangup.ts';
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
  const loaded = sayWhoEndsIt(app);
  // Without TLS there is nothing to read again, and the signal ends the process as it always did.
  const reloads = config.cert.length > 0 ? hearHangup(log) : undefined;
  const start = async (): Promise<Served> => {
    const served = await serve(app, { ...config, log }).finally(loaded);
    reloads?.(served);
    return served;
  };
  try {
    return await runUntilStopped(start, log);
  } finally {
    loaded();
  }
}

/** An app may end the process while it is loaded: that is said, until the returned function is called. */
function sayWhoEndsIt(app: string): () => void {
  const say = (code: number): void => {
    const why = `it ended the process, with exit code ${code}, before it was served`;
    writeWhole(2, `dualgate: Cannot load "${app}": ${why}\n`);
    process.exitCode = 3;
  };
  process.once('exit', say);
  return () => process.off('exit', say);
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
