// dualgate itself: node dualgate.js PORT REF [option=value …]; built code where there is some, as a user has it.
import { existsSync } from 'node:fs';
import { register } from 'node:module';

const built = new URL('../../dist/index.js', import.meta.url);
if (!existsSync(built)) register('../../bin/hooks.js', import.meta.url, { data: { source: true } });
const { serve } = await import(
  existsSync(built) ? built.href : new URL('../../src/index.ts', import.meta.url).href
);

const [port, ref, ...options] = process.argv.slice(2);
const pairs = options.map((one) => one.split('='));
const given = Object.fromEntries(
  pairs.map(([name, value]) => [name, /^\d+$/.test(value) ? Number(value) : value]),
);
const bind = `127.0.0.1:${port}`;
await serve(new URL(ref, import.meta.url).href, { bind, accessLog: false, logLevel: 'error', ...given });
console.log('ready');
