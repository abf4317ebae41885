// A race in words: how many rounds each server took, and why.

/** @typedef {import('./timeline.js').Track} Track */

const numbers = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];

/**
 * One clause a server; together they are a sentence.
 * @param {readonly Track[]} tracks @param {number} requests @param {number} wait @param {number} threads
 * @returns {string[]}
 */
export function explain(tracks, requests, wait, threads) {
  const clauses = tracks.map(({ id, arrivals }) => {
    const all = [...arrivals.values()];
    const failed = all.filter(({ answer }) => !answer.ok || answer.status !== 200);
    const [first] = failed;
    if (first) {
      const why = first.answer.ok ? `status ${first.answer.status}` : first.answer.why;
      return `${failed.length} of ${requests} on the ${place(id)} failed: ${why}`;
    }
    const times = all.map(({ at }) => at);
    const last = Math.round(Math.max(...times));
    const rounds = roundsOf(times, wait);
    return `${reason(id, requests, threads)}: ${numbers[rounds] ?? rounds} round${rounds === 1 ? '' : 's'}, all there after ${last} ms`;
  });
  return clauses.map((clause, n) => (n < clauses.length - 1 ? `${clause}; ` : `${clause}.`));
}

/** Answers that come together are one round. @param {number[]} times @param {number} wait */
export function roundsOf(times, wait) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted.filter((at, n) => n === 0 || at - (sorted[n - 1] ?? 0) > wait / 2).length;
}

/** @param {string} id @param {number} requests @param {number} threads */
function reason(id, requests, threads) {
  switch (id) {
    case 'sync-on-sync':
      return `${requests} requests on ${threads} threads, each blocked while it waits`;
    case 'async-on-sync':
      return `over the bridge the app could wait for all ${requests}, but each caller holds one of ${threads} threads`;
    case 'sync-on-async':
      return `the loop takes all ${requests}, but the app blocks, so its ${threads} threads set the pace`;
    default:
      return `on the loop all ${requests} wait at the same time`;
  }
}

/** @param {string} id */
function place(id) {
  const [app, server] = id.split('-on-');
  return `${server} server (${app} app)`;
}
