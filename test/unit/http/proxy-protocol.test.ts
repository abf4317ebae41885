// The PROXY header as bytes: what is read, what is refused, at every split, and under random bytes.
import { describe, expect, test } from 'vitest';

import { HttpError } from '../../../src/core/errors.ts';
import { type ProxyHeader, readProxyHeader } from '../../../src/http/proxy-protocol.ts';
import { block, blockHead, extra, v4, v6 } from './proxy-header.ts';

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1');
const pathBytes = (path: string): Buffer => Buffer.concat([Buffer.from(path), Buffer.alloc(108)], 108);

const headers: [what: string, bytes: Buffer, ends: ProxyHeader['ends']][] = [
  [
    'v1 over IPv4',
    line('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443'),
    { client: ['192.0.2.1', 56324], server: ['198.51.100.2', 443] },
  ],
  [
    'v1 over IPv6, in one spelling',
    line('PROXY TCP6 2001:DB8:0:0::1 ::ffff:198.51.100.2 0 65535'),
    { client: ['2001:db8::1', 0], server: ['198.51.100.2', 65535] },
  ],
  [
    'v1 at its longest, 107 bytes',
    line(`PROXY UNKNOWN ${'f'.repeat(107 - 16)}`),
    null, // whatever stands behind UNKNOWN is ignored
  ],
  ['v1 of a proxy that does not know', line('PROXY UNKNOWN'), null],
  [
    'v1 with the longest addresses',
    line(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}fffe 65535 65535`),
    {
      client: ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65535],
      server: ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe', 65535],
    },
  ],
  ['v2 over IPv4', block(0x21, 0x11, v4), { client: ['192.0.2.1', 56324], server: ['198.51.100.2', 443] }],
  ['v2 over IPv6', block(0x21, 0x21, v6), { client: ['2001:db8::1', 56324], server: ['::1', 443] }],
  [
    'v2 of a unix socket',
    block(0x21, 0x31, Buffer.concat([pathBytes('/run/client'), pathBytes('/run/app.sock')])),
    { client: null, server: ['/run/app.sock', null] },
  ],
  ['v2 LOCAL: a health check', block(0x20, 0x00, Buffer.alloc(0)), null],
  ['v2 LOCAL with a block that counts for nothing', block(0x20, 0x11, Buffer.from('any thing')), null],
  ['v2 without addresses', block(0x21, 0x00, Buffer.alloc(0)), null],
  [
    'v2 with fields behind the addresses',
    block(
      0x21,
      0x11,
      Buffer.concat([v4, extra(0x02, 'example.org'), extra(0x20, '\0\0\0\0\0'), extra(4, '')]),
    ),
    { client: ['192.0.2.1', 56324], server: ['198.51.100.2', 443] },
  ],
  [
    'v2 of 4096 bytes',
    block(0x21, 0x11, Buffer.concat([v4, extra(0x04, 'x'.repeat(4096 - 15))])),
    { client: ['192.0.2.1', 56324], server: ['198.51.100.2', 443] },
  ],
];

describe.each(headers)('%s', (_what, bytes, ends) => {
  test('is read, and what is behind it is not', () => {
    expect(readProxyHeader(bytes)).toEqual({ length: bytes.length, ends });
    const behind = Buffer.concat([bytes, Buffer.from('\r\nGET / HTTP/1.1\r\n')]);
    expect(readProxyHeader(behind)).toEqual({ length: bytes.length, ends });
  });

  test('is waited for to its last byte', () => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(readProxyHeader(bytes.subarray(0, length)), `${length} bytes`).toBeNull();
    }
  });
});

test.each<[what: string, bytes: Buffer | string]>([
  ['a request', 'G'],
  ['TLS', '\x16\x03\x01'],
  ['an empty line', '\r\nG'],
  ['the name in lower case', 'proxy TCP4'],
  ['v1 over UDP', 'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n'],
  ['v1 without a protocol', 'PROXY \r\n'],
  ['v1 with two spaces', 'PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
  ['v1 with a space at its end', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n'],
  ['v1 without its last port', 'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n'],
  ['v1 with an IPv6 address for IPv4', 'PROXY TCP4 ::1 192.0.2.2 1 2\r\n'],
  ['v1 with an IPv4 address for IPv6', 'PROXY TCP6 192.0.2.1 ::1 1 2\r\n'],
  ['v1 with a zone', 'PROXY TCP6 fe80::1%1 ::1 1 2\r\n'],
  ['v1 with a short address', 'PROXY TCP4 192.1 192.0.2.2 1 2\r\n'],
  ['v1 with a leading zero in an address', 'PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n'],
  ['v1 with a leading zero in a port', 'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n'],
  ['v1 with a port above 65535', 'PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n'],
  ['v1 with a signed port', 'PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n'],
  ['v1 with LF alone', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n'],
  ['v1 with CR alone', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX'],
  ['v1 of 108 bytes', line(`PROXY UNKNOWN ${'f'.repeat(108 - 16)}`)],
  ['v1 that does not end', `PROXY UNKNOWN ${'f'.repeat(200)}`],
  ['v2 of version 1', blockHead(0x11, 0x11, 12)],
  ['v2 of version 3', blockHead(0x31, 0x11, 12)],
  ['v2 with an unknown command', blockHead(0x22, 0x11, 12)],
  ['v2 over UDP', blockHead(0x21, 0x12, 12)],
  ['v2 of an unknown family', blockHead(0x21, 0x41, 12)],
  ['v2 with a family and no transport', blockHead(0x21, 0x10, 12)],
  ['v2 that is too short for its addresses', blockHead(0x21, 0x11, 11)],
  ['v2 above 4096 bytes', blockHead(0x21, 0x11, 4097)],
  ['v2 LOCAL above 4096 bytes', blockHead(0x20, 0, 4097)],
  ['v2 whose last field is cut off', block(0x21, 0x11, Buffer.concat([v4, Buffer.from([4, 0])]))],
  ['v2 whose field is longer than the block', block(0x21, 0x11, Buffer.concat([v4, Buffer.from([4, 0, 1])]))],
])('%s is refused', (_what, bytes) => {
  expect(() => readProxyHeader(Buffer.from(bytes as string, 'latin1'))).toThrow(
    expect.objectContaining({
      status: 400,
      message: expect.stringMatching(/^Cannot read the PROXY protocol header: .+[^.]$/),
    }),
  );
});

test('what is refused is refused at the first byte that makes it wrong, not at the end', () => {
  for (const bytes of ['PROXX', '\r\n\r\n\0\r\nQUIT\r', '\r\n\r\n\0\r\nQUIT\n\x22']) {
    const whole = Buffer.from(bytes, 'latin1');
    expect(readProxyHeader(whole.subarray(0, -1))).toBeNull();
    expect(() => readProxyHeader(whole)).toThrow(HttpError);
  }
});

test('random bytes: a refusal, a wait, or a header that stands as it was written; never another error', () => {
  const seed = Number(process.env['DUALGATE_SEED'] ?? Date.now() % 2 ** 31);
  const random = seeded(seed);
  const valid = headers.map(([, bytes]) => bytes);
  let read = 0;
  for (let round = 0; round < 30_000; round += 1) {
    const bytes = mutated(valid[round % valid.length] ?? Buffer.alloc(0), random);
    let header: ProxyHeader | null = null;
    try {
      header = readProxyHeader(bytes);
    } catch (error) {
      expect(error, `seed ${seed}, ${bytes.toString('hex')}`).toBeInstanceOf(HttpError);
    }
    if (!header) continue;
    read += 1;
    const problem = oddityOf(header, bytes);
    expect(problem, `seed ${seed}, ${bytes.toString('hex')}`).toBeNull();
  }
  expect(read).toBeGreaterThan(100);
});

test('bytes that are random altogether are refused', () => {
  const random = seeded(7);
  for (let round = 0; round < 5000; round += 1) {
    const bytes = Buffer.from(Array.from({ length: 1 + random(64) }, () => random(256)));
    if (bytes[0] === 0x50 || bytes[0] === 0x0d) bytes[0] = 0;
    expect(() => readProxyHeader(bytes)).toThrow(HttpError);
  }
});

/** What a second, plainer reading finds wrong with it. */
function oddityOf({ length, ends }: ProxyHeader, bytes: Buffer): string | null {
  const header = bytes.subarray(0, length);
  if (length > bytes.length) return 'longer than what is there';
  const text = header.toString('latin1');
  if (text.startsWith('PROXY ')) {
    if (!/^PROXY (TCP4|TCP6|UNKNOWN)[^\r\n]*\r\n$/.test(text) || length > 107) return 'not one line';
    if (ends && !/^PROXY TCP[46] [0-9a-fA-F:.]+ [0-9a-fA-F:.]+ \d{1,5} \d{1,5}\r\n$/.test(text))
      return 'no ends';
    return null;
  }
  if (!text.startsWith('\r\n\r\n\0\r\nQUIT\n')) return 'no signature';
  if (length !== 16 + header.readUInt16BE(14) || length > 16 + 4096) return 'another length';
  return header[12] === 0x20 || header[12] === 0x21 ? null : 'another version';
}

/** A valid header with a few of its bytes changed, dropped or doubled. */
function mutated(bytes: Buffer, random: (below: number) => number): Buffer {
  const out = [...bytes];
  for (let change = random(4); change > 0; change -= 1) {
    const at = random(Math.min(out.length, 64));
    const how = random(3);
    if (how === 0) out[at] = random(2) === 0 ? random(256) : (out[at] ?? 0) ^ (1 << random(8));
    else if (how === 1) out.splice(at, 1);
    else out.splice(at, 0, out[at] ?? 0);
  }
  return Buffer.from(out);
}

/** Numerical Recipes' generator: the same numbers for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
