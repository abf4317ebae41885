// Configuration: who goes over whom, what each type reads, and what is refused with which words.
import { expect, test } from 'vitest';

import { GatewayError } from '../../../src/core/errors.ts';
import { fromEnvironment, parseValue, settle } from '../../../src/serve/config.ts';
import { type Config, settingOf, table } from '../../../src/serve/settings.ts';

test('defaults stand alone', () => {
  const defaults = table.filter((row) => row.default !== undefined);
  expect(settle({}, {})).toEqual(Object.fromEntries(defaults.map((row) => [row.name, row.default])));
  expect(settle({}, {})).toMatchObject({
    interface: 'auto',
    factory: false,
    lifespan: 'auto',
    bind: '127.0.0.1:8000',
    server: 'auto',
    engine: 'own',
    queue: 2048,
    maxBody: 2 ** 30,
    grace: 10_000,
    proxyProtocol: [],
    cert: [],
    key: [],
    clientCa: [],
    clientCert: 'none',
    tlsMin: '1.2',
    handshakeTimeout: 10_000,
    accessLog: true,
    logLevel: 'info',
    logFormat: 'auto',
  });
});

test('defaults < environment < code', () => {
  const environment = { DUALGATE_THREADS: '8', DUALGATE_GRACE: '2', DUALGATE_ACCESS_LOG: 'off' };
  const config = settle({ threads: 2, accessLog: true }, environment);
  expect([config.threads, config.grace, config.accessLog, config.server]).toEqual([2, 2000, true, 'auto']);
});

test('every variable of the table is read', () => {
  const texts = {
    address: ':0',
    switch: 'on',
    count: '7',
    size: '5KiB',
    duration: '3m',
    text: 'x',
    list: 'x',
    pairs: 'X=y',
  };
  for (const row of table) {
    const text = row.type === 'choice' ? (row.choices?.at(-1) ?? '') : (row.example ?? texts[row.type]);
    const config = fromEnvironment({ [row.variable]: text });
    expect(config[row.name as keyof Config], row.name).toEqual(parseValue(row, text, row.variable));
  }
});

test('an empty variable and an undefined option say nothing', () => {
  // JavaScript callers pass undefined where exactOptionalPropertyTypes would not let us.
  const config = settle({ grace: undefined } as unknown as Config, { DUALGATE_THREADS: '' });
  expect([config.grace, config.threads]).toEqual([10_000, undefined]);
});

test('the configuration is frozen', () => {
  expect(Object.isFrozen(settle({}, {}))).toBe(true);
});

test.each([
  ['--grace', '10', 10_000],
  ['--grace', '30s', 30_000],
  ['--grace', '500ms', 500],
  ['--grace', '1.5s', 1500],
  ['--grace', '2m', 120_000],
  ['--grace', '1h', 3_600_000],
  ['--grace', '0', 0],
  ['--grace', '576h', 2_073_600_000],
  ['--max-body', '1024', 1024],
  ['--max-body', '16MiB', 16 * 2 ** 20],
  ['--max-body', '16M', 16 * 2 ** 20],
  ['--max-body', '16mb', 16 * 2 ** 20],
  ['--max-body', '1.5KiB', 1536],
  ['--max-body', '2 GiB', 2 * 2 ** 30],
  ['--max-body', '9B', 9],
  ['--threads', '0', 0],
  ['--access-log', 'No', false],
  ['--access-log', '1', true],
])('%s %s is %s', (flag, text, value) => {
  expect(parseValue(row(flag), text, flag)).toBe(value);
});

test.each([
  [
    '--grace',
    'soon',
    'Cannot read --grace "soon": it is a time, 576h at most, such as 10s, 500ms or seconds',
  ],
  [
    '--grace',
    '600h',
    'Cannot read --grace "600h": it is a time, 576h at most, such as 10s, 500ms or seconds',
  ],
  ['--grace', '-1', 'Cannot read --grace "-1": it is a time, 576h at most, such as 10s, 500ms or seconds'],
  [
    '--grace',
    '10 parsecs',
    'Cannot read --grace "10 parsecs": it is a time, 576h at most, such as 10s, 500ms or seconds',
  ],
  [
    '--max-body',
    '5 apples',
    'Cannot read --max-body "5 apples": it is a size, such as 16MiB, 512KiB or bytes',
  ],
  ['--threads', '1.5', 'Cannot read --threads "1.5": it is a whole number, 0 to 512'],
  ['--threads', '513', 'Cannot read --threads "513": it is a whole number, 0 to 512'],
  ['--server', 'both', 'Cannot read --server "both": it is one of auto, sync, async'],
  ['--access-log', 'maybe', 'Cannot read --access-log "maybe": it is on or off'],
  ['--bind', '', 'Cannot read --bind "": it is HOST:PORT, [IPv6]:PORT, :PORT or unix:PATH'],
])('%s %s is refused', (flag, text, message) => {
  expect(() => parseValue(row(flag), text, flag)).toThrow(new GatewayError('USAGE', message));
});

test('pairs in a variable have commas between them', () => {
  expect(settle({}, { DUALGATE_ENVIRON: 'A=1,B=x=y' }).environ).toEqual({ A: '1', B: 'x=y' });
  expect(settle({}, {}).environ).toEqual({});
});

test('a bad variable is named', () => {
  expect(() => settle({}, { DUALGATE_GRACE: '2147484' })).toThrow(
    'Cannot read DUALGATE_GRACE "2147484": it is a time, 576h at most, such as',
  );
  expect(() => settle({}, { DUALGATE_THREADS: 'many' })).toThrow(
    'Cannot read DUALGATE_THREADS "many": it is a whole number, 0 to 512',
  );
});

test.each([
  [{ thread: 4 }, 'Unknown option "thread": did you mean "threads"?'],
  [{ zyzzyva: 4 }, 'Unknown option "zyzzyva": there are interface, factory,'],
  [{ threads: '4' }, 'Cannot take threads "4": it is a whole number, 0 to 512'],
  [{ threads: -1 }, 'Cannot take threads -1: it is a whole number, 0 to 512'],
  [{ grace: '10s' }, 'Cannot take grace "10s": it is milliseconds, 2073600000 at most, such as 10000'],
  [{ grace: 2 ** 31 }, 'Cannot take grace 2147483648: it is milliseconds, 2073600000 at most, such as 10000'],
  [{ grace: Number.POSITIVE_INFINITY }, 'Cannot take grace Infinity: it is milliseconds'],
  [{ maxBody: Number.NaN }, 'Cannot take maxBody NaN: it is bytes, such as 1073741824'],
  [{ server: 'wsgi' }, 'Cannot take server "wsgi": it is one of auto, sync, async'],
  [{ environ: ['A=1'] }, 'Cannot take environ A=1: it is an object of texts'],
  [{ environ: { A: 1 } }, 'Cannot take environ {"A":1}: it is an object of texts'],
  [{ environ: { HTTPS: 'on' } }, 'Cannot take environ {"HTTPS":"on"}: that is for the server to say'],
  [{ accessLog: 'off' }, 'Cannot take accessLog "off": it is true or false'],
])('in code %o is refused', (code, message) => {
  // What a JavaScript caller may write, and TypeScript would not let pass.
  const wrong = code as unknown as Config;
  expect(() => settle(wrong, {})).toThrow(message);
  expect(() => settle(wrong, {})).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

function row(flag: string): NonNullable<ReturnType<typeof settingOf>> {
  const found = settingOf(flag);
  if (!found) throw new Error(`No ${flag}`);
  return found;
}
