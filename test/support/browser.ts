// The system's Chromium under playwright-core. Without one a suite is skipped aloud; in CI that is a failure.
import { existsSync } from 'node:fs';

import { type Browser, chromium } from 'playwright-core';

const executablePath = process.env['DUALGATE_CHROMIUM'] ?? '/usr/bin/chromium';

/** For `describe.skipIf(!browserThere)`. */
export const browserThere: boolean = existsSync(executablePath);

if (!browserThere) {
  const what = `There is no Chromium at "${executablePath}": install the package chromium, or say where it is in DUALGATE_CHROMIUM`;
  if (process.env['CI'] === 'true') throw new Error(what);
  console.warn(`SKIPPED, the browser tests: ${what}`);
}

/** As root in a container, and without a word to anybody outside of this machine. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** `await using browser = await openBrowser()` */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args });
}
