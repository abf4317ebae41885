// Keys beyond the spec's own: the file wrapper, early hints, and what is known of the request and its client.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll } from 'vitest';

import { once, type RawClient } from '../support/raw-client.ts';
import { area, conformance } from './matrix.ts';

const host = 'host: gate.test';
const bridged = 'http.response.early_hint is a later issue';

let folder = '';
let file = '';
const bytes = Buffer.from(Array.from({ length: 200_003 }, (_, n) => (n * 7 + (n >> 8)) & 0xff));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dualgate-file-'));
  file = join(folder, 'file');
  writeFileSync(file, bytes);
  writeFileSync(join(folder, 'sparse'), '');
  truncateSync(join(folder, 'sparse'), 256 * 2 ** 20);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

area('extensions', () => {
  for (const by of ['fd', 'read', 'drop', 'gather']) {
    const id = by === 'drop' || by === 'gather' ? '[W-88]' : by === 'read' ? '[W-89]' : '[W-87]';
    conformance(
      'http',
      'offers',
      `${id} a file goes out whole (${by}), and is closed once`,
      async (context) => {
        const { expect, url, path, report } = context;
        const answer = await once(url, [`GET ${path('file', { path: file, by })} HTTP/1.1`, host]);
        expect([answer.status, answer.complete]).toEqual([200, true]);
        expect(answer.body.equals(bytes)).toBe(true);
        expect(answer.framing).toBe(by === 'fd' || by === 'gather' ? 'length' : 'chunked');
        await report.first('closed');
        await once(url, ['GET /slow/?ms=0 HTTP/1.1', host]);
        expect(report.notes('closed')).toHaveLength(1);
      },
    );

    if (by === 'gather') continue;
    conformance(
      'http',
      'offers',
      `${id} … from where it stands to its Content-Length (${by})`,
      async (context) => {
        const { expect, url, path, report, log } = context;
        const query = { path: file, by, skip: 1000, length: 70_000 };
        const answer = await once(url, [`GET ${path('file', query)} HTTP/1.1`, host]);
        expect([answer.status, answer.complete, answer.framing]).toEqual([200, true, 'length']);
        expect(answer.body.equals(bytes.subarray(1000, 71_000))).toBe(true);
        await report.first('closed');
        if (by !== 'drop') expect(log.lines.filter((line) => line.message.includes('W-79'))).toEqual([]);
      },
    );
  }

  conformance('http', 'offers', '[W-87] HEAD has the length of the file', async ({ expect, url, path }) => {
    const answer = await once(url, [`HEAD ${path('file', { path: file, by: 'fd' })} HTTP/1.1`, host]);
    expect([answer.status, answer.get('content-length'), answer.body.length]).toEqual([200, '200003', 0]);
  });

  conformance('http', 'offers', '[W-87] a client that does not read holds the file back', async (context) => {
    const { expect, raw, path, report, url } = context;
    const client = await raw();
    client.request(`GET ${path('file', { path: join(folder, 'sparse') })} HTTP/1.1`, host);
    const head = await client.head();
    expect(head.get('content-length')).toBe(String(256 * 2 ** 20));
    client.pause();
    // Time enough for all of it, had nobody waited.
    for (let n = 0; n < 10; n += 1) await once(url, ['GET /slow/?ms=30 HTTP/1.1', host]);
    expect(report.notes('closed')).toEqual([]);
    client.reset();
    const closed = await report.first('closed');
    expect(Number(closed['position'])).toBeLessThan(32 * 2 ** 20); // what kernel and server hold
  });

  conformance(
    'http',
    'offers',
    '[W-111] early hints come before the head, each by itself',
    async ({ expect, raw, path, carrier }) => {
      const early = carrier.name.startsWith('async') ? [] : [103, 103, 103];
      // Many at once: the loop then looks at the slots without waiting for a message, and the head must wait for the hints.
      const clients = await Promise.all(Array.from({ length: 8 }, raw));
      const ask = async (client: RawClient): Promise<void> => {
        for (let n = 0; n < 20; n += 1) {
          client.request(`GET ${path('hints', { count: 3 })} HTTP/1.1`, host);
          const answer = await client.answer();
          expect([answer.status, answer.early]).toEqual([200, early]);
        }
      };
      await Promise.all(clients.map(ask));
    },
  );

  conformance(
    'http',
    'offers',
    '[W-111] … at once, while the app goes on',
    async ({ expect, raw, path, report }) => {
      const client = await raw();
      client.request(`GET ${path('hints', { wait: 1 })} HTTP/1.1`, host);
      const hint = await client.head();
      expect([hint.status, hint.get('link')]).toEqual([103, '</a.css>; rel=preload; as=style']);
      report.open('hinted');
      expect((await client.answer()).text).toBe('hinted');
    },
    { except: { 'async ← sync inline': bridged, 'async ← sync threads': bridged } },
  );

  conformance('http', 'offers', '[W-111] no hints to HTTP/1.0', async ({ expect, url, path }) => {
    const answer = await once(url, [`GET ${path('hints')} HTTP/1.0`, host]);
    expect([answer.status, answer.early, answer.text]).toEqual([200, [], 'no hints']);
  });

  conformance(
    'http',
    'offers',
    '[W-111] hints behind the head are refused, and hints before an error are no answer',
    async ({ expect, url, path }) => {
      const late = await once(url, [`GET ${path('hints', { late: 1 })} HTTP/1.1`, host]);
      expect(late.text).toMatch(/^head ContractError: .*left already \[W-111\]$/);
      const failed = await once(url, [`GET ${path('hints', { throw: 1 })} HTTP/1.1`, host]);
      expect([failed.status, failed.early]).toEqual([500, [103]]);
    },
    { except: { 'async ← sync inline': bridged, 'async ← sync threads': bridged } },
  );

  conformance(
    'request-streaming',
    'offers',
    '[W-120] a client that leaves is known of while the app computes',
    async ({ expect, raw, path, report }) => {
      const client = await raw();
      client.request(`GET ${path('gone')} HTTP/1.1`, host);
      await client.until('begun');
      client.reset();
      report.open('gone');
      const seen = await report.first('looked', 8000);
      expect(seen['gone']).toBe(true);
      expect(Number(seen['ms'])).toBeLessThan(2500); // 100 ms on a machine that is idle
    },
  );

  conformance(
    'http',
    'offers',
    '[W-121] a request has an id of its own, the same in the log, and its input is terminated [W-38]',
    async ({ expect, url, path, log }) => {
      const ids = new Set<string>();
      for (let n = 0; n < 3; n += 1) {
        const seen = JSON.parse((await once(url, [`GET ${path('keys')} HTTP/1.1`, host])).text);
        expect(seen).toMatchObject({ gone: false, terminated: true });
        ids.add(seen.id);
        const line = log.lines.find(({ message }) => message === `seen ${seen.id}`);
        expect(line?.fields['request']).toBe(seen.id);
      }
      expect(ids.size).toBe(3);
    },
  );
});
