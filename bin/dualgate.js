#!/usr/bin/env node
// The command: runs from dist, or from src where nothing is built (or DUALGATE_SOURCE=1 asks for it), in this process.
import { existsSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/cli/main.js', import.meta.url);
const source = new URL('../src/cli/main.ts', import.meta.url);
const fromSource = existsSync(source) && (process.env.DUALGATE_SOURCE === '1' || !existsSync(built));

if (fromSource) {
  process.setSourceMapsEnabled(true);
  register('./hooks.js', import.meta.url, { data: { source: true } });
}
const { main } = await import((fromSource ? source : built).href).catch(giveUp);
await main(process.argv.slice(2));

/** Without its packages nothing of it runs: one line says what to do. Anything else is a fault of ours, with its stack. */
function giveUp(error) {
  const text = String(error?.message).split('\n')[0];
  const name = /package (?:')?(tsx)/.exec(text)?.[1] ?? /^Cannot find package '([^']+)'/.exec(text)?.[1];
  if (name === undefined) throw error;
  const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');
  process.stderr.write(`dualgate: Cannot start: the package ${name} is missing: run npm ci in ${root}\n`);
  process.exit(3);
}
