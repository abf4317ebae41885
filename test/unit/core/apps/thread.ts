// A thread for the tests of core/spawn.ts: loads what it was given, and answers.
import { parentPort } from 'node:worker_threads';

import { type AppSource, loadApp } from '../../../../src/core/load.ts';
import { threadData } from '../../../../src/core/spawn.ts';

const { source } = threadData() as { source: AppSource };
const app = (await loadApp(source)) as unknown as () => string;
parentPort?.postMessage(app());
