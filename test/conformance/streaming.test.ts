// Answers piece by piece: when they leave, how they are framed, and who waits for whom.
import { setTimeout as delay } from 'node:timers/promises';

import { watch } from '../support/far-client.ts';
import { once, type RawClient } from '../support/raw-client.ts';
import type { Report } from '../support/report.ts';
import { area, conformance, noFlush } from './matrix.ts';

const host = 'host: gate.test';

/** What `look` says, once it has been the same for a while: a stall has no event of its own. */
async function stalled(look: () => number): Promise<number> {
  const deadline = performance.now() + 8000;
  let before = look();
  for (let still = 0; still < 6; ) {
    if (performance.now() > deadline) throw new Error(`It went on: ${before}`);
    await delay(40);
    const now = look();
    still = now === before && now > 0 ? still + 1 : 0;
    before = now;
  }
  return before;
}

function taken(report: Report): number {
  return Number(report.notes('taken').at(-1)?.['count'] ?? 0);
}

area('streaming', () => {
  conformance(
    'response-streaming',
    'ticker',
    '[W-75][A-33] a piece arrives before the next is asked for',
    async ({ url, path, report, expect }) => {
      const request = `GET ${path('gated')} HTTP/1.1\r\n${host}\r\nconnection: close\r\n\r\n`;
      const sight = await watch(url, request, [{ text: 'one,', file: report.gateFile('one') }]);
      expect(sight.text).toContain('two on time,');
      expect(sight.text).toContain('three');
      expect(sight.text.endsWith('0\r\n\r\n')).toBe(true);
    },
  );

  conformance(
    'response-streaming',
    'ticker',
    '[W-57][A-31] the head leaves with the first piece that is not empty',
    async ({ url, path, expect }) => {
      const request = `GET ${path('silent')} HTTP/1.1\r\n${host}\r\nconnection: close\r\n\r\n`;
      const { seen, text } = await watch(url, request);
      const made = /made at (\d+)\./.exec(text)?.[1];
      expect(made).toBeDefined();
      expect(seen[0]?.at).toBeGreaterThan(BigInt(made ?? 0));
    },
  );

  conformance(
    'response-streaming',
    'ticker',
    '[W-70] write() sends before it returns',
    async ({ url, path, report, expect }) => {
      const request = `GET ${path('write')} HTTP/1.1\r\n${host}\r\nconnection: close\r\n\r\n`;
      const sight = await watch(url, request, [{ text: 'one,', file: report.gateFile('one') }]);
      expect(sight.text).toContain('two on time,');
      expect(sight.text).toContain('three');
    },
    { except: noFlush },
  );

  conformance(
    'http',
    'ticker',
    '[W-75][A-33] many pieces arrive whole and in order',
    async ({ raw, path, expect }) => {
      const client = await raw();
      const expected = Array.from({ length: 2000 }, (_, index) => `${index},`).join('');
      for (let index = 0; index < 2; index += 1) {
        client.request(`GET ${path('count', { count: 2000 })} HTTP/1.1`, host);
        const answer = await client.answer();
        expect(answer.complete).toBe(true);
        expect(answer.text).toBe(expected);
      }
    },
  );

  conformance('http', 'length', '[W-76][-] one piece: the length is known', async ({ url, path, expect }) => {
    const answer = await once(url, [`GET ${path('list', { pieces: '7' })} HTTP/1.1`, host]);
    expect(answer.framing).toBe('length');
    expect(answer.text).toBe('0000000');
  });

  conformance(
    'http',
    'length',
    '[W-76][-] large pieces go through unharmed',
    async ({ url, path, expect }) => {
      const answer = await once(url, [`GET ${path('yield', { pieces: '300000,1,70000' })} HTTP/1.1`, host]);
      expect(answer.text).toBe(`${'0'.repeat(300_000)}1${'2'.repeat(70_000)}`);
    },
  );

  conformance(
    'http',
    'length',
    '[W-78][A-31] an answer without a body has its head',
    async ({ raw, path, expect }) => {
      const client = await raw();
      for (const mode of ['list', 'yield', 'write']) {
        client.request(`GET ${path(mode, { status: 202, pieces: '' })} HTTP/1.1`, host);
        const answer = await client.answer();
        expect(answer.status).toBe(202);
        expect(answer.get('content-type')).toBe('text/plain');
        expect(answer.body).toHaveLength(0);
      }
    },
  );

  conformance(
    'http',
    'length',
    '[W-81][-] without a length an answer is chunked on HTTP/1.1',
    async (context) => {
      const { url, path, expect } = context;
      const answer = await once(url, [`GET ${path('yield', { pieces: '70000,3' })} HTTP/1.1`, host]);
      expect(answer.framing).toBe('chunked');
      expect(answer.text).toBe(`${'0'.repeat(70_000)}111`);
    },
  );

  conformance('http', 'length', '[W-81][-] … and ends with the connection on HTTP/1.0', async (context) => {
    const { raw, path, expect } = context;
    const client = await raw();
    client.request(`GET ${path('yield', { pieces: '70000,3' })} HTTP/1.0`, 'connection: keep-alive');
    const answer = await client.answer();
    expect(answer.framing).toBe('close');
    expect(answer.complete).toBe(true);
    expect(answer.get('transfer-encoding')).toBeUndefined();
    expect(answer.get('connection')).not.toBe('keep-alive');
    expect(answer.text).toBe(`${'0'.repeat(70_000)}111`);
  });

  conformance(
    'http',
    'length',
    "[W-79][-] the app's Content-Length is kept",
    async ({ raw, path, expect }) => {
      const client = await raw();
      for (const version of ['1.1', '1.0']) {
        const lines = [host, 'connection: keep-alive'];
        client.request(`GET ${path('yield', { length: 6, pieces: '3,3' })} HTTP/${version}`, ...lines);
        const answer = await client.answer();
        expect(answer.framing).toBe('length');
        expect(answer.all('content-length')).toEqual(['6']);
        expect(answer.text).toBe('000111');
      }
    },
  );

  conformance(
    'http',
    'starter',
    '[W-70] write() comes before the iterable, and takes bytes only',
    async (context) => {
      const { url, path, expect } = context;
      const answer = await once(url, [`GET ${path('write')} HTTP/1.1`, host]);
      expect(answer.text).toBe('one,two,three,W-70');
      const only = await once(url, [`GET ${path('write-only')} HTTP/1.1`, host]);
      expect(only.text).toBe('all of it');
    },
  );

  for (const mode of ['yield', 'write']) {
    const needs = mode === 'yield' ? 'response-streaming' : 'request-streaming';
    // write() on the loop's own thread cannot wait: what it is given must be kept.
    const title = `a slow reader stalls the producer, and nothing else (${mode})`;
    const id = mode === 'yield' ? '[W-75][A-33]' : '[W-70]';
    conformance(needs, 'infinite', `${id} ${title}`, async ({ raw, path, report, expect, url }) => {
      const client: RawClient = await raw();
      client.request(`GET ${path(mode)} HTTP/1.1`, host);
      await client.head();
      client.pause();
      const count = await stalled(() => taken(report));
      // Kernel buffers take some megabytes; a server that keeps what nobody reads would take all of it.
      expect(count * 65536).toBeLessThan(32 << 20);
      expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
      client.resume();
      await report.until((notes) => notes.find((note) => Number(note['count']) > count + 64), 'progress');
      client.reset();
      await report.first('stopped');
    });
  }

  conformance(
    'request-streaming',
    'reader',
    '[W-30][A-30] an app that does not read stalls the sender, and loses nothing',
    async ({ raw, path, report, expect, url }) => {
      const client = await raw();
      const size = 48 << 20;
      client.request(
        `POST ${path('small', { size: 65536, deaf: 1 })} HTTP/1.1`,
        host,
        `content-length: ${size}`,
      );
      const piece = new Uint8Array(1 << 20);
      for (let sent = 0; sent < size; sent += piece.length) client.send(piece);
      const unsent = await stalled(() => client.unsent);
      // Kernel buffers take some megabytes; a server that keeps what nobody reads would take all of it.
      expect(unsent).toBeGreaterThan(16 << 20);
      expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
      report.open('listen');
      expect(JSON.parse((await client.answer()).text)).toMatchObject({ count: size });
    },
  );
});
