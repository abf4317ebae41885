// Files as response bodies: what is a file, where reading begins and ends, and what is left alone.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { FileWrapper, fileWrapper } from '../../../src/sync/file-wrapper.ts';
import type { FileLike, SyncApp } from '../../../src/sync/interface.ts';
import { Inline } from '../../../src/sync/inline.ts';
import { TestCall } from './carrier.ts';

const folder = mkdtempSync(join(tmpdir(), 'dualgate-file-'));
const path = join(folder, 'file');
const bytes = Buffer.from(Array.from({ length: 150_001 }, (_, n) => n & 0xff));
writeFileSync(path, bytes);
afterAll(() => rmSync(folder, { recursive: true }));

function reading(text: string, sizes: number[] = []): FileLike {
  let at = 0;
  return {
    read: (size) => {
      sizes.push(size);
      at += size;
      return Buffer.from(text.slice(at - size, at));
    },
  };
}

async function run(app: SyncApp, method = 'GET'): Promise<TestCall> {
  const call = new TestCall({ method });
  await new Inline(app).run(call);
  return call;
}

const sent = (make: (wrap: typeof fileWrapper) => FileLike, headers: [string, string][] = []): SyncApp => {
  return (environ, startResponse) => {
    startResponse('200 OK', headers);
    return environ['wsgi.file_wrapper']?.(make(fileWrapper), 4) ?? [];
  };
};

test('[W-89] read(size) is asked for blocks until it is empty, and pieces stay what they were', () => {
  const sizes: number[] = [];
  const pieces = [...fileWrapper(reading('abcdefg', sizes), 3)];
  expect(pieces.map(String)).toEqual(['abc', 'def', 'g']);
  expect(sizes).toEqual([3, 3, 3, 3]);
});

test('[W-87] nothing is read before it is iterated', () => {
  const sizes: number[] = [];
  fileWrapper(reading('abc', sizes));
  expect(sizes).toEqual([]);
});

test('[W-87] no more is read than the Content-Length, and none for HEAD', async () => {
  const sizes: number[] = [];
  const call = await run(sent(() => reading('abcdefghij', sizes), [['Content-Length', '6']]));
  expect([call.text, call.ended, sizes]).toEqual(['abcdef', true, [4, 2]]);
  sizes.length = 0;
  const head = await run(
    sent(() => reading('abcdefghij', sizes), [['Content-Length', '6']]),
    'HEAD',
  );
  expect([head.bytes, head.ended, sizes]).toEqual([0, true, []]);
});

test('[W-80] a file that is shorter than the Content-Length is an error', async () => {
  const call = await run(sent(() => reading('abc'), [['Content-Length', '6']]));
  expect(call.failure?.message).toContain('W-80');
});

test('[W-87] a descriptor is read from where it stands, and its length is known', async () => {
  const fd = openSync(path, 'r');
  try {
    readSync(fd, Buffer.alloc(1000), 0, 1000, null);
    const call = await run(sent(() => ({ fd })));
    expect(call.header('content-length')).toBe(process.platform === 'linux' ? '149001' : undefined);
    expect(Buffer.compare(call.body, bytes.subarray(1000))).toBe(0);
  } finally {
    closeSync(fd);
  }
});

test('[W-87] a file that grows meanwhile does not outgrow the length', async () => {
  const grown = join(folder, 'grown');
  writeFileSync(grown, 'abcdef');
  const fd = openSync(grown, 'r');
  const app: SyncApp = (environ, startResponse) => {
    startResponse('200 OK', []);
    const file = environ['wsgi.file_wrapper']?.({ fd }, 4);
    if (!file) return [];
    Object.assign(file, { close: () => {} });
    return file;
  };
  const running = run(app);
  writeFileSync(grown, 'ghijklmnop', { flag: 'a' });
  const call = await running;
  closeSync(fd);
  expect([call.ended, call.bytes]).toEqual([true, Number(call.header('content-length') ?? call.bytes)]);
});

test('a file of /proc, which says that it is empty, goes out whole', async () => {
  if (process.platform !== 'linux') return;
  const fd = openSync('/proc/self/status', 'r');
  const call = await run(sent(() => ({ fd })));
  closeSync(fd);
  expect([call.header('content-length'), call.text.startsWith('Name:')]).toEqual([undefined, true]);
});

test('[W-88] close() is there where the file has it; a FileHandle may be given', async () => {
  expect('close' in fileWrapper(reading(''))).toBe(false);
  const handle = await open(path, 'r');
  const call = await run(sent(() => handle));
  expect(Buffer.compare(call.body, bytes)).toBe(0);
  await handle.close(); // again: it hangs on the one that runs
  expect(handle.fd).toBe(-1);
});

test.each<[string, unknown, unknown, string]>([
  ['nothing', undefined, undefined, 'W-87'],
  ['a path', '/etc/hosts', undefined, 'W-87'],
  ['an object', {}, undefined, 'W-87'],
  ['a closed handle', { fd: -1 }, undefined, 'W-87'],
  ['a text for a descriptor', { fd: '3' }, undefined, 'W-87'],
  ['a size of 0', { fd: 0 }, 0, 'W-87'],
  ['a size that is a text', { fd: 0 }, '10', 'W-87'],
])('[W-87] %s is refused on the line of the app', (_name, file, size, clause) => {
  expect(() => fileWrapper(file as FileLike, size as number)).toThrow(expect.objectContaining({ clause }));
});

test('[W-89] what read() gives is bytes', () => {
  const gives = (value: unknown) => () => [...fileWrapper({ read: () => value as Uint8Array })];
  expect(gives('text')).toThrow(/W-89/);
  expect(gives(Promise.reject(new Error('late')))).toThrow(/promise.*W-89/);
});

test('[W-74] another wrapper is an iterable like any', async () => {
  const looked: PropertyKey[] = [];
  const wrapper = new FileWrapper(reading('abc'), 2);
  const other = new Proxy(
    { [Symbol.iterator]: () => wrapper[Symbol.iterator]() },
    {
      get: (target, key) => {
        looked.push(key);
        return Reflect.get(target, key);
      },
    },
  );
  const call = await run((_environ, startResponse) => {
    startResponse('200 OK', []);
    return other;
  });
  expect([call.text, looked.filter((key) => typeof key === 'string')]).toEqual(['abc', ['close']]);
});
