// After tsc: copies the lab's page, which has no build step, to where the built lab looks for it.
import { cpSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const from = fileURLToPath(new URL('../src/lab/page', import.meta.url));
const to = fileURLToPath(new URL('../dist/lab/page', import.meta.url));

mkdirSync(to, { recursive: true });
cpSync(from, to, { recursive: true, filter: (path) => basename(path) !== 'tsconfig.json' });
