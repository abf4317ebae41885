// Whom proxies speak for: the walk from the right, what each header may hold, what is removed, and random heads.
import { isIP } from 'node:net';

import { describe, expect, test } from 'vitest';

import type { HeaderList } from '../../../src/core/bytes.ts';
import { HttpError } from '../../../src/core/errors.ts';
import { ParsedHead } from '../../../src/http/head.ts';
import type { Origin } from '../../../src/http/exchange.ts';
import { correctionFor, Forwarded, type ForwardedOptions } from '../../../src/http/forwarded.ts';
import type { RequestHead } from '../../../src/http/head.ts';
import { random } from '../sync/random.ts';

const near: Origin = { client: ['10.0.0.1', 5000], server: ['10.0.0.9', 8000], secure: false, tls: null };
const proxies = ['10.0.0.0/8', 'fd00::/8'];

/** `X-Forwarded-For: a` and so on; Host is the first one. */
function headOf(lines: readonly string[]): RequestHead {
  const headers: HeaderList = ['Host: inside', ...lines].map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return new ParsedHead('GET', '/', '1.1', headers);
}

function correct(
  lines: readonly string[],
  options: Partial<ForwardedOptions> = {},
  origin: Partial<Origin> = {},
): { head: RequestHead; origin: Origin } {
  return new Forwarded({ proxies, ...options }).correct(headOf(lines), { ...near, ...origin });
}

const clientOf = (lines: readonly string[], options: Partial<ForwardedOptions> = {}): Origin['client'] =>
  correct(lines, options).origin.client;
const xff = (text: string): string => `X-Forwarded-For: ${text}`;

function status(what: () => unknown): number {
  try {
    what();
  } catch (error) {
    if (error instanceof HttpError) return error.status;
    throw error;
  }
  return 200;
}

describe('the walk from the right', () => {
  test.each<[string, Partial<ForwardedOptions>, Origin['client']]>([
    ['203.0.113.7', {}, ['203.0.113.7', 0]],
    // what the client wrote by itself stays unheard
    ['6.6.6.6, 203.0.113.7', {}, ['203.0.113.7', 0]],
    ['6.6.6.6, 203.0.113.7, 10.0.0.2', {}, ['203.0.113.7', 0]],
    ['6.6.6.6, 203.0.113.7, 10.0.0.3, 10.0.0.2', {}, ['203.0.113.7', 0]],
    // all are trusted: the leftmost
    ['10.0.0.4, 10.0.0.3, 10.0.0.2', {}, ['10.0.0.4', 0]],
    // garbage is only looked at where a trusted hop says it
    ['"<>, 203.0.113.7', {}, ['203.0.113.7', 0]],
    [', ,203.0.113.7 ,', {}, ['203.0.113.7', 0]],
    ['', {}, ['10.0.0.1', 5000]],
    // by number: everybody is trusted, so many entries count
    ['6.6.6.6, 203.0.113.7', { proxies: ['*'], hops: 1 }, ['203.0.113.7', 0]],
    ['6.6.6.6, 203.0.113.7, 192.0.2.1', { proxies: ['*'], hops: 2 }, ['203.0.113.7', 0]],
    ['203.0.113.7', { proxies: ['*'], hops: 2 }, ['203.0.113.7', 0]],
    ['6.6.6.6, 203.0.113.7', { proxies: ['*'] }, ['6.6.6.6', 0]],
    // by number and address: whichever ends first
    ['10.0.0.4, 10.0.0.3, 10.0.0.2', { hops: 2 }, ['10.0.0.3', 0]],
    ['6.6.6.6, 203.0.113.7', { hops: 2 }, ['203.0.113.7', 0]],
  ])('X-Forwarded-For "%s" with %o', (text, options, client) => {
    expect(clientOf([xff(text)], options)).toEqual(client);
  });

  test('several lines are one list', () => {
    expect(clientOf([xff('6.6.6.6'), xff('203.0.113.7'), xff('10.0.0.2')])).toEqual(['203.0.113.7', 0]);
  });

  test('through a unix socket, where that is trusted', () => {
    const there = { client: null, server: ['/run/app.sock', null] } as const;
    const lines = [xff('203.0.113.7'), 'X-Forwarded-Proto: https'];
    const { origin } = correct(lines, { proxies: ['unix'] }, there);
    expect([origin.client, origin.secure, origin.server]).toEqual([['203.0.113.7', 0], true, there.server]);
    expect(correct(lines, { proxies: ['10.0.0.0/8'] }, there).origin).toEqual({ ...near, ...there });
  });

  test('a chain with a unix socket in it (nginx says unix:)', () => {
    expect(clientOf([xff('203.0.113.7, unix:')], { proxies: ['10.0.0.0/8', 'unix'] })).toEqual([
      '203.0.113.7',
      0,
    ]);
    expect(clientOf([xff('203.0.113.7, unix:')])).toBeNull();
  });
});

describe('entries of X-Forwarded-For', () => {
  test.each<[string, Origin['client']]>([
    ['203.0.113.7:4711', ['203.0.113.7', 4711]],
    ['2001:DB8::7', ['2001:db8::7', 0]],
    ['[2001:db8::7]', ['2001:db8::7', 0]],
    ['[2001:db8:0:0::7]:4711', ['2001:db8::7', 4711]],
    ['::ffff:203.0.113.7', ['203.0.113.7', 0]],
    ['::ffff:cb00:7107', ['203.0.113.7', 0]],
    ['unknown', null],
    ['6.6.6.6, Unknown', null],
  ])('%s', (text, client) => {
    expect(clientOf([xff(text)])).toEqual(client);
  });

  test.each([
    'nobody',
    '_hidden',
    '"203.0.113.7"',
    '203.0.113',
    '203.0.113.07',
    '0x7f.1',
    '2130706433',
    '203.0.113.7:',
    '203.0.113.7:65536',
    '203.0.113.7:_a',
    '[203.0.113.7]',
    '[2001:db8::7',
    '[2001:db8::7]:',
    'fe80::1%eth0',
    '[fe80::1%eth0]',
    '203.0.113.7 6.6.6.6',
    '203.0.113.0/24',
    'unix:/run/a.sock',
    '6.6.6.6, nobody, 10.0.0.2',
  ])('%s is refused', (text) => {
    expect(status(() => correct([xff(text)]))).toBe(400);
  });
});

describe('X-Forwarded-Proto, -Host and -Port', () => {
  const all = { host: true };

  test.each<[string, boolean]>([
    ['https', true],
    ['HTTPS', true],
    ['wss', true],
    ['http', false],
    ['ws', false],
    // the nearest proxy has added its own behind what the client wrote
    ['https, http', false],
    ['http, https', true],
    ['', false],
  ])('X-Forwarded-Proto "%s"', (text, secure) => {
    const { origin } = correct([xff('203.0.113.7'), `X-Forwarded-Proto: ${text}`]);
    expect(origin.secure).toBe(secure);
  });

  test.each(['gopher', 'https http', 'on', '"https"', 'http, ftp'])('%s is refused', (text) => {
    expect(status(() => correct([`X-Forwarded-Proto: ${text}`]))).toBe(400);
  });

  test('only the entry that is believed has to be right', () => {
    expect(correct([xff('1.1.1.1, 2.2.2.2'), 'X-Forwarded-Proto: gopher, https']).origin.secure).toBe(true);
  });

  test('they go with the hop that is believed; a shorter list ends with the outermost', () => {
    const chain = xff('6.6.6.6, 203.0.113.7, 10.0.0.2');
    const secure = (text: string): boolean =>
      correct([chain, `X-Forwarded-Proto: ${text}`], all).origin.secure;
    expect([secure('https'), secure('https, http'), secure('http, https, http')]).toEqual([true, true, true]);
    expect(secure('https, http, https')).toBe(false);
    const { head, origin } = correct([chain, 'X-Forwarded-Host: evil', 'X-Forwarded-Host: a, b'], all);
    expect([head.get('host'), origin.server]).toEqual(['a', ['a', 80]]);
  });

  test('without X-Forwarded-For the client stays', () => {
    const { origin } = correct(['X-Forwarded-Proto: https']);
    expect([origin.client, origin.secure]).toEqual([near.client, true]);
  });

  test.each<[string[], Origin['server'], string]>([
    [['Host: a.example'], ['a.example', 443], 'a.example'],
    [['Host: a.example:8443'], ['a.example', 8443], 'a.example:8443'],
    [['Host: a.example:8443', 'Port: 444'], ['a.example', 444], 'a.example:8443'],
    [['Host: [2001:db8::1]:8443'], ['2001:db8::1', 8443], '[2001:db8::1]:8443'],
    [['Host: [2001:db8::1]'], ['2001:db8::1', 443], '[2001:db8::1]'],
    [['Port: 8443'], ['10.0.0.9', 8443], 'inside'],
    [[], ['10.0.0.9', 8000], 'inside'],
  ])('%o: the server is %o, Host is %s', (lines, server, host) => {
    const prefixed = lines.map((line) => `X-Forwarded-${line}`);
    const { head, origin } = correct([xff('1.1.1.1'), 'X-Forwarded-Proto: https', ...prefixed], all);
    expect([origin.server, head.all('host')]).toEqual([server, [host]]);
  });

  test('a port without a host, on a unix socket, is that of localhost', () => {
    const there = { client: null, server: ['/run/app.sock', null] } as const;
    const { origin } = correct(['X-Forwarded-Port: 443'], { proxies: ['unix'], host: true }, there);
    expect(origin.server).toEqual(['localhost', 443]);
  });

  test.each([
    'Host: a b',
    'Host: a/b',
    'Host: :80',
    'Host: a:99999',
    'Host: a@b',
    'Port: 0',
    'Port: 65536',
    'Port: x',
  ])('X-Forwarded-%s is refused', (line) => {
    expect(status(() => correct([`X-Forwarded-${line}`], all))).toBe(400);
  });

  test('host and port are removed unless they are asked for: nginx lets through what a client wrote', () => {
    const { head, origin } = correct(['X-Forwarded-Host: evil', 'X-Forwarded-Port: 1', xff('203.0.113.7')]);
    expect([head.get('host'), origin.server]).toEqual(['inside', near.server]);
    expect(head.headers).toEqual([
      ['host', 'inside'],
      ['x-forwarded-for', '203.0.113.7'],
    ]);
  });
});

describe('Forwarded (RFC 7239)', () => {
  const standard = { family: 'forwarded' } as const;
  const forwarded = (...lines: string[]): ReturnType<typeof correct> =>
    correct(
      lines.map((line) => `Forwarded: ${line}`),
      standard,
    );

  test.each<[string, Origin['client']]>([
    ['for=203.0.113.7', ['203.0.113.7', 0]],
    ['For="203.0.113.7:4711"', ['203.0.113.7', 4711]],
    ['for="[2001:db8::7]"', ['2001:db8::7', 0]],
    ['for="[2001:DB8::7]:4711"', ['2001:db8::7', 4711]],
    ['for="[2001:db8::7]:_gate"', ['2001:db8::7', 0]],
    ['for="203.0.113.\\7"', ['203.0.113.7', 0]],
    ['for=unknown', null],
    ['for="unknown:80"', null],
    ['for=_SEVKISEK', null],
    ['for="_a.b-c:_d"', null],
    ['by=10.0.0.1;for=203.0.113.7;ext=x', ['203.0.113.7', 0]],
    [';;for=203.0.113.7;', ['203.0.113.7', 0]],
    ['for=6.6.6.6, for=203.0.113.7', ['203.0.113.7', 0]],
    ['for=6.6.6.6,for=203.0.113.7 ,\tfor=10.0.0.2', ['203.0.113.7', 0]],
    [',, for=203.0.113.7, ,', ['203.0.113.7', 0]],
    ['for="a,b;for=6.6.6.6", for=203.0.113.7', ['203.0.113.7', 0]],
    // nothing says who sent it: the walk ends, and the hop that said so last is the client
    ['for=6.6.6.6, proto=https, for=10.0.0.2', ['10.0.0.2', 0]],
    ['proto=https', ['10.0.0.1', 5000]],
  ])('%s', (line, client) => {
    expect(forwarded(line).origin.client).toEqual(client);
  });

  test.each([
    'for',
    'for=',
    'for=203.0.113.7:80',
    'for=[2001:db8::7]',
    'for="::1"',
    'for="2001:db8::7"',
    'for=203.0.113.7; proto=https',
    'for =203.0.113.7',
    'for= 203.0.113.7',
    'for=203.0.113.7;for=6.6.6.6',
    'for=203.0.113.7;FOR=6.6.6.6',
    'for="203.0.113.7',
    'for="203.0.113.7"x',
    'for="203.0.113.7\\"',
    'for=203.0.113.7 for=6.6.6.6',
    'for=nobody',
    'for=_',
    'for=""',
    'for="203.0.113.7:99999"',
    'for=203.0.113.7;proto=gopher',
    'for=203.0.113.7;host="a b"',
    'for=203.0.113.7;host=""',
    'x="6.6.6.6, for=203.0.113.7',
  ])('%s is refused', (line) => {
    expect(status(() => forwarded(line))).toBe(400);
  });

  test('a line that a client left broken is not looked at where the proxy writes its own', () => {
    expect(forwarded('for="', 'for=203.0.113.7').origin.client).toEqual(['203.0.113.7', 0]);
  });

  test('what a hop says stands in its element; what it leaves out, the next one inwards says', () => {
    const { head, origin } = forwarded(
      'for=6.6.6.6;proto=http;host=evil, for=203.0.113.7;host="a.example:8443", for=10.0.0.2;proto=https;host=b',
    );
    expect(origin).toEqual({
      client: ['203.0.113.7', 0],
      server: ['a.example', 8443],
      secure: true,
      tls: null,
    });
    expect(head.all('host')).toEqual(['a.example:8443']);
  });

  test('hidden hops are trusted where everybody is: their number counts', () => {
    const line = 'Forwarded: for=6.6.6.6, for=203.0.113.7, for=_edge, for=unknown';
    expect(clientOf([line], { ...standard, proxies: ['*'], hops: 3 })).toEqual(['203.0.113.7', 0]);
    expect(clientOf([line], standard)).toBeNull();
  });
});

describe('what is removed', () => {
  const spoofs = [
    'Forwarded: for=6.6.6.6',
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Client-Cert: mine',
    'X-Real-IP: 6.6.6.6',
    'X_Forwarded_For: 6.6.6.6',
  ];
  const names = (head: RequestHead): string[] => head.headers.map(([name]) => name);

  test('all of it from a peer that is not trusted, whatever is in it', () => {
    const { head, origin } = correct(
      [...spoofs, 'X-Other: 1', 'X-Forwarded-Proto: gopher'],
      {},
      {
        client: ['192.0.2.1', 1],
      },
    );
    expect(names(head)).toEqual(['host', 'x-other']);
    expect([head.has('forwarded'), head.get('x-other'), head.all('x-other')]).toEqual([false, '1', ['1']]);
    expect(origin.client).toEqual(['192.0.2.1', 1]);
  });

  test('the family that is not read, from a trusted one', () => {
    expect(names(correct(spoofs).head)).toEqual([
      'host',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-client-cert',
      'x-real-ip',
    ]);
    expect(names(correct(spoofs, { family: 'forwarded' }).head)).toEqual(['host', 'forwarded']);
  });

  test('where nothing is said and nothing removed, head and origin are the same ones', () => {
    const head = headOf([]);
    expect(new Forwarded({ proxies }).correct(head, near)).toEqual({ head, origin: near });
    expect(new Forwarded({ proxies }).correct(head, near).head).toBe(head);
  });

  test("a proxy's certificate is not its client's", () => {
    const tls = {
      protocol: 'TLSv1.3',
      cipher: 'x',
      serverName: null,
      clientChain: ['PEM'],
      clientFault: null,
    };
    expect(correct([xff('1.1.1.1')], {}, { secure: true, tls }).origin.tls).toBeNull();
    expect(correct([], {}, { secure: true, tls }).origin.tls).toBe(tls);
  });
});

test('off where nobody is trusted; a peer that is none is refused', () => {
  expect(correctionFor({ proxies: [] })).toBeNull();
  expect(() => correctionFor({ proxies: ['10.1'] })).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

test('random headers: a client that is an address, or nobody, or 400; never a crash', () => {
  const { seed, below } = random();
  const pick = (from: readonly string[]): string => from[below(from.length)] ?? '';
  const bits =
    '10.0.0.2|203.0.113.7|[::1]|::ffff:1.2.3.4|::ffff:0102|unknown|unix:|_x|:80|:|,|, |;|"|\\|=|for=|For="|proto=|https|http|host=|a.example|by=| |\t|%|[|]|é|\u0080|999.1.1.1|fd00::2|0'.split(
      '|',
    );
  const fields = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'Forwarded',
  ];
  let accepted = 0;
  for (let run = 0; run < 20_000; run++) {
    const lines = Array.from(
      { length: 1 + below(3) },
      () => `${pick(fields)}: ${Array.from({ length: below(8) }, () => pick(bits)).join('')}`,
    );
    const options: ForwardedOptions = {
      proxies: pick(['*', '10.0.0.0/8', 'fd00::/8']) === '*' ? ['*'] : proxies,
      hops: below(3),
      family: below(2) === 0 ? 'forwarded' : 'x-forwarded',
      host: below(2) === 0,
    };
    const told = `seed ${seed}, run ${run}: ${JSON.stringify([lines, options])}`;
    try {
      const { client, server } = correct(lines, options).origin;
      accepted += 1;
      if (client !== null) {
        expect(isIP(client[0]), told).toBeGreaterThan(0);
        expect(Number.isInteger(client[1]) && client[1] >= 0 && client[1] < 65_536, told).toBe(true);
      }
      expect(server?.[0], told).toMatch(/^[^\s"/@]+$/);
    } catch (error) {
      if (!(error instanceof HttpError)) throw new Error(told, { cause: error });
      expect(error.status, told).toBe(400);
    }
  }
  expect(accepted, `seed ${seed}`).toBeGreaterThan(1000);
});
