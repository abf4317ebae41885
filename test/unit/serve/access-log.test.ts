// The access log: what a line looks like, and that none is lost.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { publish, type TraceEvent } from '../../../src/core/trace.ts';
import { type AccessLogOptions, startAccessLog } from '../../../src/serve/access-log.ts';

const first: readonly TraceEvent[] = [
  {
    kind: 'request',
    at: 10,
    id: '1',
    lane: 'loop',
    method: 'GET',
    target: '/a?b="c"',
    version: '1.1',
    client: '10.0.0.7:4711',
  },
  { kind: 'queued', at: 11, id: '1', lane: 'loop' },
  { kind: 'app.enter', at: 12, id: '1', lane: 'thread 3' },
  { kind: 'response', at: 13, id: '1', lane: 'thread 3', status: 200 },
  { kind: 'end', at: 15.5, id: '1', lane: 'loop', bytes: 2326 },
];

test('a line in the common log format, with the time it took and who ran it', () => {
  const [line] = written(() => first.forEach(publish));
  expect(line).toMatch(
    /^10\.0\.0\.7 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/a\?b=\\x22c\\x22 HTTP\/1\.1" 200 2326 5\.5ms "thread 3"$/,
  );
});

test('a line for people', () => {
  const [line = ''] = written(() => first.forEach(publish), { people: true });
  expect(line.replace(/\u001b\[\d+m/g, '')).toMatch(
    /^\d\d:\d\d:\d\d 200 GET \/a\?b="c" {2}2\.3 KiB {2}5\.5 ms {2}thread 3$/,
  );
});

test('a request that was cut before its head has no status, and says why', () => {
  const [line] = written(() => {
    publish({
      kind: 'request',
      at: 0,
      id: '2',
      lane: 'loop',
      method: 'GET',
      target: '/',
      version: '1.0',
      client: '',
    });
    publish({ kind: 'end', at: 1, id: '2', lane: 'loop', bytes: 0, error: 'The client\nis gone' });
  });
  expect(line).toMatch(/^- - - \[.*\] "GET \/ HTTP\/1\.0" - 0 1\.0ms "loop" "The client\\x0ais gone"$/);
});

test('an upgrade has status 101', () => {
  const [line] = written(() => {
    const { lane, id } = { lane: 'loop', id: '4' };
    publish({ kind: 'request', at: 0, id, lane, method: 'GET', target: '/ws', version: '1.1', client: '' });
    publish({ kind: 'end', at: 1, id, lane, bytes: 0 });
  });
  expect(line).toContain('"GET /ws HTTP/1.1" 101 0 1.0ms');
});

test('control characters cannot make a line of their own', () => {
  const lines = written(() => {
    publish({
      kind: 'request',
      at: 0,
      id: '3',
      lane: 'loop',
      method: 'GET',
      target: '/\u001b[2J\r\nx',
      version: '1.1',
      client: '[::1]:9',
    });
    publish({ kind: 'end', at: 1, id: '3', lane: 'loop', bytes: 0 });
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('"GET /\\x1b[2J\\x0d\\x0ax HTTP/1.1"');
  expect(lines[0]).toMatch(/^::1 /);
});

test('two that write to the same place write each request once, until the last one stops', () => {
  const file = place();
  const stops = [startAccessLog({ fd: file.fd }), startAccessLog({ fd: file.fd })];
  first.forEach(publish);
  stops[0]?.();
  stops[0]?.();
  first.forEach(publish);
  stops[1]?.();
  first.forEach(publish);
  expect(file.lines()).toHaveLength(2);
});

function written(act: () => void, options: AccessLogOptions = {}): string[] {
  const file = place();
  const stop = startAccessLog({ fd: file.fd, people: false, ...options });
  act();
  stop();
  return file.lines();
}

function place(): { fd: number; lines(): string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'dualgate-'));
  const path = join(folder, 'access.log');
  const fd = openSync(path, 'w');
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return {
    fd,
    lines() {
      closeSync(fd);
      return readFileSync(path, 'utf8').split('\n').slice(0, -1);
    },
  };
}
