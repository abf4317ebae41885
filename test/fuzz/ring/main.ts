// npm run fuzz:ring -- [--minutes 10] [--seed N] [--episode N]: the pool and the server at random for long; exits with 1 where it found something.
import { randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

import { Issuer, opensslThere } from '../../support/certificates.ts';
import { campaign, type Tally } from './campaign.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, episode: { type: 'string' } },
});
const minutes = number('minutes', values.minutes) ?? 10;
const seed = number('seed', values.seed) ?? randomInt(2 ** 31);
const only = number('episode', values.episode);

/** Where the loop of this process itself hangs, nothing in it can say so: this thread does. In ms. */
const patience = 60_000;
const beat = new Int32Array(new SharedArrayBuffer(4));
const watchdog = new Worker(
  `const { workerData: [beat, patience, seed] } = require('node:worker_threads');
   let seen = -1;
   setInterval(() => {
     if (seen === Atomics.load(beat, 0)) {
       require('node:fs').writeSync(2, 'The loop itself hangs: --seed ' + seed + '\\n');
       process.kill(process.pid, 'SIGKILL');
     }
     seen = Atomics.load(beat, 0);
   }, patience);`,
  { eval: true, workerData: [beat, patience, seed] },
);
watchdog.unref();
const heart = setInterval(() => Atomics.add(beat, 0, 1), 1000);

writeSync(1, `Fuzzing the pool for ${minutes} min: --seed ${seed}\n`);
const issuer = new Issuer();
const identity = opensslThere ? issuer.issue() : null;
const begun = performance.now();
let shown = begun;
const tally = await campaign({
  seed,
  until: begun + minutes * 60_000,
  requests: 200,
  ...(identity && { tls: { cert: [identity.cert], key: [identity.key] } }),
  ...(only !== undefined && { from: only, episodes: 1 }),
  progress: (now) => {
    if (performance.now() - shown < 30_000) return;
    shown = performance.now();
    writeSync(1, `${line(now)}\n`);
  },
});
clearInterval(heart);
await watchdog.terminate();
writeSync(1, `${line(tally)}\n`);
for (const fault of tally.faults) writeSync(1, `${fault}\n`);
issuer[Symbol.dispose]();
process.exit(tally.faults.length > 0 ? 1 : 0);

function line({ episodes, calls, deaths, answers, faults }: Tally): string {
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  return `${seconds} s: ${episodes} pools, ${calls} calls, ${deaths} threads died, ${answers} answers of servers, ${faults.length} found`;
}

function number(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const parsed = Number(given);
  if (Number.isFinite(parsed) && parsed >= 0) return parsed;
  writeSync(2, `Cannot read --${name} "${given}": give a number\n`);
  process.exit(2);
}
