// npm run memory: what each carrier grows by while a large body goes up through it and down, and whom a slow reader slows.
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

import { readArgs } from './args.ts';
import { measuredCode } from './built.ts';
import { type Carrier, carriers, download, growth, startCarrier, stopCarrier, upload } from './carriers.ts';
import { quantile } from './figures.ts';
import { type Seen, stand } from './slowloris/bystander.ts';

const names = [...carriers.map(({ name }) => name), 'slow reader'];
const values = readArgs(
  { mib: { type: 'string' }, only: { type: 'string', multiple: true, default: [] } },
  {
    usage: 'npm run memory -- [--mib 256] [--only NAME]',
    numbers: ['mib'],
    partOf: { only: names },
  },
);
/** What a carrier may grow over its warmed-up size, in MiB, whatever the size of the body. */
const bound = 64;
/** MiB that the pool's whole process may have while a body of any size goes through it: dist, four threads, a small app. */
const cap = 320;
/** Bytes a second that the slow reader takes. */
const slowRate = 100 * 1024;

let fell = false;
process.stdout.write(`${measuredCode().said}\n`);
for (const carrier of carriers) if (wanted(carrier.name)) await measure(carrier);
if (wanted('slow reader')) await measureSlow();
process.stdout.write(
  `\ngrowth: beyond the size after two smaller bodies; at most ${bound} MiB, and a pool's whole process at most ${cap} MiB.\n`,
);
process.exitCode = fell ? 1 : 0;

async function measure(carrier: Carrier): Promise<void> {
  const size = Number(values.mib ?? carrier.size ?? 256);
  const warmUp = Math.min(32, size);
  const { child, url } = await startCarrier(carrier);
  try {
    for (const [direction, go] of [
      ['up', upload],
      ['down', download],
    ] as const) {
      await go(url, warmUp);
      await go(url, warmUp);
      const { warm, peak, seconds } = await growth(child, () => go(url, size));
      const large = carrier.name === 'sync threads' && peak > cap;
      const verdict = peak - warm < bound && !large ? '' : '  too much';
      fell ||= verdict !== '';
      const figures = [
        `${size} MiB ${direction}`,
        `warm ${warm.toFixed(1)}`,
        `peak ${peak.toFixed(1)}`,
        `growth ${(peak - warm).toFixed(1)} MiB`,
      ];
      const rate = `${(size / seconds).toFixed(0)} MiB/s`;
      say(carrier.name, [...figures, `${rate}${verdict}`]);
    }
  } finally {
    await stopCarrier(child);
  }
}

/** One client reads slowly; it holds a thread of the pool, and nothing else. */
async function measureSlow(): Promise<void> {
  const carrier = carriers.find(({ name }) => name === 'sync threads');
  if (!carrier) throw new Error('There is no pool among the carriers');
  const { child, url } = await startCarrier(carrier);
  const port = Number(url.port);
  const small = '/?mib=0';
  try {
    await stand(port, wait(1500), small); // warms up
    const quiet: Seen[] = [];
    const beside: Seen[] = [];
    let taken = 0;
    // in turn, five times: what else the machine does hits both
    const { warm, peak } = await growth(child, async () => {
      for (let turn = 0; turn < 5; turn += 1) {
        quiet.push(await stand(port, wait(2000), small));
        const reader = readSlowly(port);
        await wait(500); // the kernel's buffers are full by then
        beside.push(await stand(port, wait(2000), small));
        taken += reader.stop();
      }
    });
    const [before, during] = [quiet, beside].map((some) =>
      quantile(
        some.map(({ p99 }) => p99),
        0.25,
      ),
    );
    const errors = beside.reduce((sum, one) => sum + one.errors, 0);
    const most = 3 * (before ?? Number.NaN) + 20;
    const slow = !((during ?? Number.NaN) <= most) || errors > 0 || peak - warm > bound;
    fell ||= slow;
    say('slow reader', [
      `others' p99 ${before?.toFixed(1)} ms`,
      `beside it ${during?.toFixed(1)} ms`,
      `at most ${most.toFixed(1)}`,
      `${errors} errors`,
      `growth ${(peak - warm).toFixed(1)} MiB`,
      `it has read ${(taken / 1024).toFixed(0)} KiB${slow ? '  too much' : ''}`,
    ]);
  } finally {
    await stopCarrier(child);
  }
}

/** Asks for a GiB and takes its time; stop() gives the bytes that it has taken. */
function readSlowly(port: number): { stop(): number } {
  let taken = 0;
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.write('GET /?mib=1024 HTTP/1.1\r\nHost: a\r\n\r\n');
  const timer = setInterval(() => {
    const most = slowRate / 10;
    const part: Buffer | null = socket.read(Math.min(most, socket.readableLength));
    taken += part?.length ?? 0;
  }, 100);
  return {
    stop() {
      clearInterval(timer);
      socket.resetAndDestroy();
      return taken;
    },
  };
}

function wanted(name: string): boolean {
  return values.only.length === 0 || values.only.some((part) => name.includes(part));
}

function say(name: string, cells: readonly string[]): void {
  process.stdout.write(`${name.padEnd(22)} ${cells.map((cell) => cell.padEnd(20)).join('')}\n`);
}
