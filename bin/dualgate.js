#!/usr/bin/env node
// The command: runs from dist, or from src where nothing is built (or DUALGATE_SOURCE=1 asks for it), in this process.
import { existsSync } from 'node:fs';
import { register } from 'node:module';

const built = new URL('../dist/cli/main.js', import.meta.url);
const source = new URL('../src/cli/main.ts', import.meta.url);
const fromSource = existsSync(source) && (process.env.DUALGATE_SOURCE === '1' || !existsSync(built));

if (fromSource) {
  process.setSourceMapsEnabled(true);
  register('./hooks.js', import.meta.url, { data: { source: true } });
}
const { main } = await import((fromSource ? source : built).href);
await main(process.argv.slice(2));
