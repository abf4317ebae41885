// npx tsx -C source examples/both-ways/main.ts   (in your own project: npx tsx main.ts)
// Serves the two countdowns on the two servers, from code: the gate puts a bridge where the kinds differ.
import { serve } from 'dualgate';

const apps = { sync: new URL('./sync.ts', import.meta.url), async: new URL('./async.ts', import.meta.url) };
const kinds = ['sync', 'async'] as const;

const running = await Promise.all(
  kinds.flatMap((kind) =>
    kinds.map(async (server) => {
      const served = await serve(`${apps[kind].href}#app`, { server, bind: '127.0.0.1:0', accessLog: false });
      return { served, name: `${kind} app on the ${server} server` };
    }),
  ),
);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all(running.map(({ served }) => served.close()));
  });
}

for (const { name, served } of running) {
  const text = await (await fetch(served.url)).text();
  console.log(`${name.padEnd(29)} ${served.url}  ${text.trim().replaceAll('\n', ', ')}`);
}
console.log('Ctrl-C ends all four');
