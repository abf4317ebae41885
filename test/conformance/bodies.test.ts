// Request bodies: every length and framing, read in every way, broken off, or left alone.
import { createHash } from 'node:crypto';

import { once, type RawClient } from '../support/raw-client.ts';
import { area, conformance } from './matrix.ts';

const host = 'host: gate.test';

/** Bytes that repeat at no power of two, so that a misplaced piece shows. */
function bytes(size: number): Buffer {
  const made = Buffer.alloc(size);
  for (let index = 0; index < size; index += 1) made[index] = (index * 31 + (index >> 8)) % 251;
  return made;
}

/** More than a pool holds back before it calls the app (a ring of 64 KiB): from here on a body is streamed. */
const enough = 150_000;

function chunked(body: Uint8Array, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), Buffer.from(chunk), Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

async function post(client: RawClient, target: string, body: string | Uint8Array): Promise<string> {
  client.request(`POST ${target} HTTP/1.1`, host, `content-length: ${body.length}`).send(body);
  const answer = await client.answer();
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.text;
}

const lines = 'one\ntwo\r\n\nfour, a longer one\nand no end';

area('bodies', () => {
  conformance(
    'http',
    'echo',
    '[W-30][A-30] a body of any size comes back the same',
    async ({ raw, path, expect }) => {
      const client = await raw();
      for (const size of [0, 1, 4095, 65536, 65537, 1 << 20]) {
        const body = bytes(size);
        client.request(`POST ${path()} HTTP/1.1`, host, `content-length: ${size}`).send(body);
        const answer = await client.answer();
        expect(answer.body.equals(body), `${size} bytes`).toBe(true);
      }
    },
  );

  conformance('http', 'echo', '[W-38][A-30] a chunked body is decoded', async ({ raw, path, expect }) => {
    const client = await raw();
    const cases: [size: number, chunk: number][] = [
      [0, 1],
      [1, 1],
      [1000, 7],
      [300_000, 65_536],
      [300_000, 100_001],
    ];
    for (const [size, chunk] of cases) {
      const body = bytes(size);
      client
        .request(`POST ${path()} HTTP/1.1`, host, 'transfer-encoding: chunked')
        .send(chunked(body, chunk));
      const answer = await client.answer();
      expect(answer.body.equals(body), `${size} bytes in chunks of ${chunk}`).toBe(true);
    }
  });

  conformance('http', 'reader', '[W-38][A-30] chunk extensions and trailers are no body', async (context) => {
    const { url, path, expect } = context;
    const body = '3;a=b\r\nabc\r\n2;c="d"\r\nde\r\n0\r\nx-sum: 1\r\n\r\n';
    const answer = await once(
      url,
      [`POST ${path('small')} HTTP/1.1`, host, 'transfer-encoding: chunked'],
      body,
    );
    expect(JSON.parse(answer.text)).toMatchObject({ count: 5, hash: hashOf(Buffer.from('abcde')) });
  });

  conformance('http', 'reader', '[W-38][A-30] a body that arrives byte by byte is whole', async (context) => {
    const { raw, path, expect } = context;
    const client = await raw();
    client.request(`POST ${path('small')} HTTP/1.1`, host, 'transfer-encoding: chunked');
    for (const byte of chunked(Buffer.from('hello, world'), 5)) {
      client.send(Buffer.of(byte));
      await client.flushed();
    }
    const answer = await client.answer();
    expect(JSON.parse(answer.text)).toMatchObject({ count: 12, hash: hashOf(Buffer.from('hello, world')) });
  });

  conformance('http', 'reader', '[W-30][A-30] small reads of a large body lose nothing', async (context) => {
    const { raw, path, expect, carrier } = context;
    const client = await raw();
    const body = bytes(200_000);
    const seen = JSON.parse(await post(client, path('small', { size: 977 }), body));
    expect(seen).toMatchObject({ count: body.length, hash: hashOf(body) });
    if (carrier.kind === 'sync') expect(seen.longest).toBe(977);
  });

  conformance(
    'http',
    'reader',
    '[A-30] the last piece says that it is the last',
    async ({ raw, path, expect }) => {
      const client = await raw();
      for (const size of [0, 10, 200_000]) {
        const { pieces } = JSON.parse(await post(client, path(), bytes(size))) as {
          pieces: { more: boolean }[];
        };
        expect(pieces.map((piece) => piece.more)).toEqual(
          pieces.map((_, index) => index < pieces.length - 1),
        );
      }
    },
  );

  conformance(
    'http',
    'reader',
    '[W-32] behind the end there is nothing, again and again',
    async (context) => {
      const { raw, path, expect } = context;
      const client = await raw();
      for (const body of ['', 'x', 'hello, world']) {
        expect(JSON.parse(await post(client, path('small'), body)).after).toEqual([0, 0, 0]);
      }
    },
  );

  conformance(
    'http',
    'reader',
    '[W-33] read() without a size returns the rest',
    async ({ raw, path, expect }) => {
      const client = await raw();
      const seen = JSON.parse(await post(client, path('rest', { size: 3 }), 'hello, world'));
      expect(seen).toEqual(['hel', 'lo, world', '', '']);
    },
  );

  conformance('http', 'reader', '[W-34] readline(size) returns at most size bytes', async (context) => {
    const { raw, path, expect } = context;
    const client = await raw();
    const seen = JSON.parse(await post(client, path('limited', { size: 5 }), 'ab\nlonger line\nx'));
    expect(seen).toEqual(['ab\n', 'longe', 'r lin', 'e\n', 'x']);
    expect(JSON.parse(await post(client, path('limited', { size: 100 }), 'fresh\n'))).toEqual(['fresh\n']);
  });

  conformance('http', 'reader', '[W-30] readline, readlines and iteration give lines', async (context) => {
    const { raw, path, expect } = context;
    const client = await raw();
    const expected = ['one\n', 'two\r\n', '\n', 'four, a longer one\n', 'and no end'];
    for (const mode of ['lines', 'readlines', 'iterate']) {
      expect(JSON.parse(await post(client, path(mode), lines)), mode).toEqual(expected);
      expect(JSON.parse(await post(client, path(mode), '')), mode).toEqual([]);
    }
    const long = 'x'.repeat(200_000);
    expect(JSON.parse(await post(client, path('lines'), `${long}\n${long}`))).toEqual([`${long}\n`, long]);
    expect(JSON.parse(await post(client, path('mixed'), lines))).toEqual([
      'one\n',
      'two\r\n',
      lines.slice(9),
    ]);
  });

  conformance(
    'http',
    'reader',
    '[W-30][W-35] readlines takes a hint in bytes',
    async ({ raw, path, expect }) => {
      const client = await raw();
      const [some, rest] = JSON.parse(await post(client, path('hinted', { size: 5 }), lines)) as string[][];
      expect([...(some ?? []), ...(rest ?? [])].join('')).toBe(lines);
      // Bytes, not lines: two lines are more than five, and one is not.
      expect([some?.length, rest?.length]).toEqual([2, 3]);
    },
  );

  conformance(
    'request-streaming',
    'reader',
    '[W-30][A-30] an app reads what has come before the rest is sent',
    async ({ raw, path, report, expect }) => {
      const client = await raw();
      const body = bytes(300_000);
      client.request(`POST ${path('small', { size: 977 })} HTTP/1.1`, host, 'content-length: 300000');
      client.send(body.subarray(0, enough));
      await report.first('piece');
      client.send(body.subarray(enough));
      const answer = await client.answer();
      expect(JSON.parse(answer.text)).toMatchObject({ count: 300_000, hash: hashOf(body) });
    },
  );

  conformance(
    ['request-streaming', 'response-streaming'],
    'echo',
    '[W-75][A-33] a body arrives while the app already answers',
    async ({ raw, path, expect }) => {
      const client = await raw();
      client.request(`POST ${path('stream', { size: 5 })} HTTP/1.1`, host, 'transfer-encoding: chunked');
      client.send(`${enough.toString(16)}\r\n${'.'.repeat(enough - 5)}first\r\n`);
      expect((await client.head()).status).toBe(200);
      await client.until('first');
      for (const word of ['again', 'third']) {
        client.send(`5\r\n${word}\r\n`);
        await client.until(word);
      }
      client.send('0\r\n\r\n');
      await client.until('0\r\n\r\n');
    },
  );

  for (const how of ['end', 'reset'] as const) {
    for (const framing of ['content-length: 300000', 'transfer-encoding: chunked']) {
      const title = `[W-39][A-35] an upload that breaks off is an error (${framing}, ${how})`;
      conformance('http', 'reader', title, async ({ raw, path, report, expect, carrier, url }) => {
        const client = await raw();
        client.request(`POST ${path('small', { size: 977 })} HTTP/1.1`, host, framing);
        client.send(framing.startsWith('c') ? bytes(enough) : chunked(bytes(enough), 5000).subarray(0, -5));
        if (carrier.can.has('request-streaming')) await report.first('piece');
        await client.flushed();
        client[how]();
        if (carrier.can.has('request-streaming')) {
          const end = await report.until((notes) => notes.find(({ what }) => what !== 'piece'), 'end');
          expect(end.what).toBe(carrier.kind === 'sync' ? 'threw' : 'disconnect');
          if (carrier.kind === 'sync') expect(end['code']).toBe('DISCONNECTED');
        } else {
          await client.closed();
        }
        // A request later, a clean end would have come.
        expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
        expect(report.notes('read')).toEqual([]);
      });
    }
  }

  conformance(
    'http',
    'reader',
    '[W-39][A-35] a small upload that breaks off is never whole',
    async (context) => {
      const { raw, path, report, expect, url } = context;
      for (const how of ['end', 'reset'] as const) {
        const client = await raw();
        client.request(`POST ${path('small')} HTTP/1.1`, host, 'content-length: 10').send('hel');
        await client.flushed();
        client[how]();
        await client.closed();
        expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
      }
      expect(report.notes('read')).toEqual([]);
    },
  );

  conformance('http', 'reader', '[W-39][-] a body that turns out broken is an error', async (context) => {
    const { raw, path, report, expect } = context;
    const client = await raw();
    client.request(`POST ${path('small', { size: 3 })} HTTP/1.1`, host, 'transfer-encoding: chunked');
    client.send('3\r\nabc\r\nzz\r\nabc\r\n');
    const answer = await client.answer();
    expect(answer.status).toBe(400);
    expect((await client.closed()).rest).toHaveLength(0);
    expect(report.notes('read')).toEqual([]);
  });

  conformance(
    'request-streaming',
    'reader',
    '[W-39] … also to an app that has read some of it, and waits for more',
    async ({ raw, path, report, expect }) => {
      const client = await raw();
      client.request(`POST ${path('small', { size: 977 })} HTTP/1.1`, host, 'transfer-encoding: chunked');
      client.send(`${(150_000).toString(16)}\r\n`);
      client.send(new Uint8Array(150_000));
      await report.first('piece');
      client.send('\r\nzz\r\nabc\r\n');
      const note = await report.until((notes) => notes.find(({ what }) => what !== 'piece'), 'end');
      expect(note.what).toBe('threw');
      expect((await client.answer()).status).toBe(400);
    },
  );

  conformance(
    'http',
    'reflect',
    '[W-40][-] what is left unread does not reach the next request',
    async (context) => {
      const { raw, path, expect } = context;
      const client = await raw();
      const trap = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
      client.request(`POST ${path()} HTTP/1.1`, host, `content-length: ${trap.length}`).send(trap);
      expect((await client.answer()).status).toBe(200);
      client.request(`POST ${path()} HTTP/1.1`, host, 'transfer-encoding: chunked');
      client.send(chunked(Buffer.from(trap), 9));
      expect((await client.answer()).text).not.toContain('smuggled');
      client.request('GET /reflect/after HTTP/1.1', host);
      const last = await client.answer();
      expect(last.status).toBe(200);
      expect(last.text).toContain('/reflect/after');
    },
  );

  conformance(
    'http',
    'reflect',
    '[W-40][-] a large body left unread: the next answer is right, or the end',
    async (context) => {
      const { raw, path, expect, url } = context;
      const client = await raw();
      client.request(`POST ${path()} HTTP/1.1`, host, `content-length: ${4 << 20}`).send(bytes(4 << 20));
      const answer = await client.answer();
      expect(answer.status).toBe(200);
      expect(answer.complete).toBe(true);
      if (answer.get('connection') === 'close') {
        await client.closed();
      } else {
        client.request('GET /reflect/after HTTP/1.1', host);
        expect((await client.answer()).text).toContain('/reflect/after');
      }
      expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
    },
  );

  conformance(
    'http',
    'reader',
    'a body beyond the limit is answered 413',
    async ({ start, path, report, expect }) => {
      const { url } = await start({ threads: 1, limits: { maxBody: 1000 } });
      const known = await once(
        url,
        [`POST ${path('small')} HTTP/1.1`, host, 'content-length: 1001'],
        bytes(1001),
      );
      expect(known.status).toBe(413);
      expect(report.notes()).toEqual([]);
      const unknown = await once(
        url,
        [`POST ${path('small')} HTTP/1.1`, host, 'transfer-encoding: chunked'],
        chunked(bytes(1001), 100),
      );
      expect(unknown.status).toBe(413);
      expect(report.notes('read')).toEqual([]);
      const fits = await once(
        url,
        [`POST ${path('small')} HTTP/1.1`, host, 'content-length: 1000'],
        bytes(1000),
      );
      expect(JSON.parse(fits.text).count).toBe(1000);
    },
    { alone: true },
  );
});
