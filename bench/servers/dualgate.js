// dualgate itself: node dualgate.js PORT REF [setting=value …]; built code, as a user has it.
import { serve } from '../../dist/index.js';

const [port, ref, ...options] = process.argv.slice(2);
const pairs = options.map((one) => one.split('='));
const given = Object.fromEntries(
  pairs.map(([name, value]) => [name, /^\d+$/.test(value) ? Number(value) : value]),
);
const quiet = { bind: `127.0.0.1:${port}`, accessLog: false, logLevel: 'error' };
try {
  await serve(new URL(ref, import.meta.url).href, { ...quiet, ...given });
  console.log('ready');
} catch (error) {
  console.error(error.message);
  process.exit(error.code === 'USAGE' ? 64 : 1);
}
