// A run of the fuzzer of the pool: episodes of a seed, until one finds something or the time is up.
import type { TlsOptions } from '../../../src/http/certificates.ts';
import { seedOf } from '../seeded.ts';
import { queueDuel, ringDuel } from './duel.ts';
import { serve } from '../serving/episode.ts';
import { type Outcome, play } from './episode.ts';

export interface Run {
  readonly seed: number;
  readonly from?: number;
  /** Ends after so many episodes, or where performance.now() is beyond `until`. */
  readonly episodes?: number;
  readonly until?: number;
  readonly calls?: number;
  readonly patience?: number;
  /** A whole server behind each pool, with so many requests. */
  readonly requests?: number;
  readonly tls?: TlsOptions;
  readonly progress?: (tally: Tally) => void;
}

export interface Tally {
  episodes: number;
  calls: number;
  deaths: number;
  /** Of servers. */
  answers: number;
  /** Each with the seed and the episode that it comes from. */
  readonly faults: string[];
}

export async function campaign(run: Run): Promise<Tally> {
  const { seed, from = 0, episodes = Number.POSITIVE_INFINITY, until = Number.POSITIVE_INFINITY } = run;
  const { calls = 300, patience = 20_000 } = run;
  const tally: Tally = { episodes: 0, calls: 0, deaths: 0, answers: 0, faults: [] };
  for (let index = from; index < from + episodes && tally.faults.length === 0; index += 1) {
    if (performance.now() > until) break;
    const outcome: Outcome = await play({ seed: seedOf(seed, index), calls, patience });
    tally.episodes += 1;
    tally.calls += outcome.calls;
    tally.deaths += outcome.deaths;
    tally.faults.push(...(await duel(seedOf(seed, index))));
    if (run.requests) {
      const { requests, tls } = run;
      const given = { seed: seedOf(seed, index), requests, patience, stuck: true, ...(tls && { tls }) };
      const served = await serve(given);
      tally.answers += served.answered;
      tally.faults.push(...served.faults.map((fault) => `--seed ${seed} --episode ${index}: ${fault}`));
    }
    tally.faults.push(...outcome.faults.map((fault) => `--seed ${seed} --episode ${index}: ${fault}`));
    run.progress?.(tally);
  }
  return tally;
}

/** The bare ring and the bare queue too, a moment after each pool. */
async function duel(seed: number): Promise<string[]> {
  try {
    await ringDuel(seed, 50_000);
    const { pushed, claimed } = await queueDuel(seed, 2, 5_000);
    return pushed.join() === claimed.join() ? [] : [`seed ${seed}: pushed ${pushed}, claimed ${claimed}`];
  } catch (error) {
    return [String(error)];
  }
}
