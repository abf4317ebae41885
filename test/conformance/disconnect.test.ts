// Clients that go away, and answers that end early: the app hears of it, once.
import { once, RawClient } from '../support/raw-client.ts';
import type { Note } from '../support/report.ts';
import { area, conformance } from './matrix.ts';

const host = 'host: gate.test';

function counted(notes: readonly Note[], ...kinds: string[]): number {
  return notes.filter(({ what }) => kinds.includes(what)).length;
}

area('disconnect', () => {
  for (const mode of ['done', 'empty', 'throws']) {
    conformance('http', 'closer', `[W-77] close() is called once (${mode})`, async (context) => {
      const { expect, url, path, report } = context;
      await once(url, [`GET ${path(mode)} HTTP/1.1`, host]);
      await report.first('close');
      // A request later, a second call would have come.
      await once(url, ['GET /slow/?ms=0 HTTP/1.1', host]);
      expect(report.notes('close')).toHaveLength(1);
    });
  }

  conformance(
    'http',
    'closer',
    '[W-77] close() is called once where the answer is cut short',
    async (context) => {
      const { expect, url, path, report } = context;
      await once(url, [`GET ${path('overrun')} HTTP/1.1`, host]);
      await once(url, [`HEAD ${path('done')} HTTP/1.1`, host]);
      await report.until((notes) => (notes.length === 2 ? true : undefined), 'two notes');
      await once(url, ['GET /slow/?ms=0 HTTP/1.1', host]);
      expect(report.notes('close').map((note) => note['mode'])).toEqual(['overrun', 'done']);
    },
  );

  for (const mode of ['gone', 'generator']) {
    conformance(
      'http',
      'closer',
      `[W-77][A-36] a client that resets is noticed (${mode})`,
      async (context) => {
        const { expect, raw, path, report, url, carrier } = context;
        if (mode === 'generator' && carrier.kind === 'async') return;
        const client = await raw();
        client.request(`GET ${path(mode)} HTTP/1.1`, host);
        await client.head();
        client.reset();
        await report.first('close');
        await once(url, ['GET /slow/?ms=0 HTTP/1.1', host]);
        expect(report.notes('close')).toHaveLength(1);
        if (carrier.kind === 'async') expect(report.notes('threw')[0]?.['code']).toBe('DISCONNECTED');
      },
    );
  }

  conformance(
    'request-streaming',
    'closer',
    '[W-84][A-36] … also while its answer is a trickle',
    async ({ expect, raw, path, report, carrier }) => {
      const client = await raw();
      client.request(`GET ${path('ticking')} HTTP/1.1`, host);
      await client.until('tick');
      client.reset();
      report.open('gone');
      const sent = performance.now();
      await report.first('close');
      expect(performance.now() - sent).toBeLessThan(2000);
      expect(report.notes('never noticed')).toEqual([]);
      if (carrier.kind === 'async') expect(report.notes('threw')[0]?.['code']).toBe('DISCONNECTED');
    },
  );

  conformance('http', 'infinite', '[W-84][A-36] an answer without an end is stopped', async (context) => {
    const { expect, raw, path, report } = context;
    const client = await raw();
    client.request(`GET ${path()} HTTP/1.1`, host);
    await client.bytes(1 << 20);
    client.end();
    client.reset();
    const stopped = await report.first('stopped');
    const { length } = report.notes();
    expect(Number(stopped['count'])).toBeGreaterThan(0);
    expect(report.notes()).toHaveLength(length);
  });

  conformance(
    'request-streaming',
    'reader',
    '[W-39][A-35] a read that waits is woken when the client goes',
    async ({ expect, raw, path, report, carrier, url }) => {
      const client = await raw();
      client.request(`POST ${path('small', { size: 977 })} HTTP/1.1`, host, 'content-length: 300000');
      client.send(new Uint8Array(150_000));
      await report.first('piece');
      await once(url, ['GET /slow/?ms=0 HTTP/1.1', host]);
      client.reset();
      const note = await report.until((notes) => notes.find(({ what }) => what !== 'piece'), 'end');
      expect(note.what).toBe(carrier.kind === 'sync' ? 'threw' : 'disconnect');
      expect((await once(url, ['GET /slow/?ms=0 HTTP/1.1', host])).status).toBe(200);
    },
  );

  for (const where of ['a read', 'the next piece', 'a write']) {
    conformance(
      ['request-streaming', 'concurrency'],
      where === 'a read' ? 'reader' : 'closer',
      `a client that goes is noticed within a tenth of a second: in ${where}`,
      async ({ expect, raw, path, report, url }) => {
        const times: number[] = [];
        const ends = where === 'a read' ? ['threw', 'disconnect'] : ['close'];
        for (let round = 1; round <= 5; round++) {
          const client = await raw();
          if (where === 'a read') {
            client.request(`POST ${path('small')} HTTP/1.1`, host, 'content-length: 300000');
            client.send(new Uint8Array(1000));
            await report.until((notes) => counted(notes, 'piece') === round || undefined, 'a piece');
          } else if (where === 'the next piece') {
            client.request(`GET ${path('ticking')} HTTP/1.1`, host);
            await client.until('tick');
            report.open('gone');
          } else {
            client.request(`GET ${path('gone')} HTTP/1.1`, host);
            await client.bytes(1 << 20);
            client.pause();
          }
          // A request later it waits again.
          await once(url, ['GET /slow/?ms=20 HTTP/1.1', host]);
          const before = performance.now();
          client.reset();
          await report.until((notes) => counted(notes, ...ends) >= round || undefined, 'end');
          times.push(performance.now() - before);
        }
        // The best of five: a machine that is busy elsewhere is not what this is about.
        expect(Math.min(...times)).toBeLessThan(100);
      },
    );
  }

  conformance(
    'request-streaming',
    'reader',
    '[W-39][A-35] … where full buffers have stopped the reading, at the next read',
    async ({ expect, raw, path, report, carrier, url }) => {
      const client = await raw();
      client.request(
        `POST ${path('small', { size: 65_536, deaf: 1 })} HTTP/1.1`,
        host,
        'content-length: 64000000',
      );
      client.send(new Uint8Array(32_000_000));
      // Requests later nobody takes more of it.
      for (let unsent = -1; unsent !== client.unsent; ) {
        unsent = client.unsent;
        await once(url, ['GET /slow/?ms=50 HTTP/1.1', host]);
      }
      expect(client.unsent).toBeGreaterThan(0);
      client.reset();
      await once(url, ['GET /slow/?ms=0 HTTP/1.1', host]);
      report.open('listen');
      const note = await report.until((notes) => notes.find(({ what }) => what !== 'piece'), 'end');
      expect(note.what).toBe(carrier.kind === 'sync' ? 'threw' : 'disconnect');
    },
  );

  conformance('http', 'closer', '[A-35] receive gives http.disconnect, again and again', async (context) => {
    const { expect, raw, path, report } = context;
    const client = await raw();
    client.request(`GET ${path('waiting')} HTTP/1.1`, host);
    await client.until('tick');
    client.reset();
    const { types } = (await report.first('received')) as unknown as { types: string[] };
    expect(types.slice(-2)).toEqual(['http.disconnect', 'http.disconnect']);
  });

  conformance(
    'http',
    'starter',
    '[A-33] behind the last body nothing is sent, and [A-35] receive says so',
    async (context) => {
      const { expect, raw, path, report } = context;
      const client = await raw();
      client.request(`GET ${path('again')} HTTP/1.1`, host);
      const answer = await client.answer();
      expect(answer.text).toBe('whole');
      const it = await report.first('afterwards');
      expect(it['late']).toEqual({});
      expect(it['more']).toEqual({});
      expect((it['events'] as string[]).slice(-2)).toEqual(['http.disconnect', 'http.disconnect']);
      client.request('GET /length/list?pieces=2 HTTP/1.1', host);
      expect((await client.answer()).text).toBe('00');
    },
  );

  conformance(
    'concurrency',
    'slow',
    'a server that closes lets what runs finish',
    async ({ expect, start, path, report }) => {
      const server = await start({ threads: 1 });
      const answer = once(server.url, [`GET ${path('', { ms: 150 })} HTTP/1.1`, host]);
      await report.first('entered');
      const closing = server.close(5000);
      expect((await answer).status).toBe(200);
      await closing;
      await expect(once(server.url, [`GET ${path()} HTTP/1.1`, host])).rejects.toThrow();
    },
    { alone: true },
  );

  conformance(
    'concurrency',
    'slow',
    'a call that holds its thread without progress is answered 504, alone; its thread is replaced',
    async ({ expect, start, path, report }) => {
      const server = await start({ threads: 1, timeout: 300 });
      const stuck = once(server.url, [`GET ${path('', { ms: 60_000 })} HTTP/1.1`, host]);
      await report.first('entered');
      const behind = once(server.url, ['GET /length/list?pieces=2 HTTP/1.1', host]);
      expect((await stuck).status).toBe(504);
      expect((await behind).text).toBe('00');
    },
    { alone: true, except: { async: 'it holds no thread' } },
  );

  conformance(
    'concurrency',
    'closer',
    '… behind its head it is cut, never ended as if it were whole',
    async ({ expect, start, path }) => {
      const server = await start({ threads: 1, timeout: 300 });
      await using client = await RawClient.open(server.url);
      client.request(`GET ${path('stuck')} HTTP/1.1`, host);
      expect(await client.answer()).toMatchObject({ status: 200, text: 'tick\n', complete: false });
      expect((await once(server.url, ['GET /length/list?pieces=2 HTTP/1.1', host])).text).toBe('00');
    },
    { alone: true, except: { async: 'it holds no thread' } },
  );

  conformance(
    'concurrency',
    'closer',
    '[W-77][A-36] … and cuts what does not',
    async ({ expect, start, path, report }) => {
      const server = await start({ threads: 1 });
      await using client = await RawClient.open(server.url);
      client.request(`GET ${path('ticking')} HTTP/1.1`, host);
      await client.until('tick');
      report.open('gone');
      const begun = performance.now();
      await server.close(100);
      expect(performance.now() - begun).toBeLessThan(4000);
      await client.closed();
      await report.first('close');
    },
    { alone: true },
  );
});
