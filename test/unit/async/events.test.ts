import { expect, test } from 'vitest';

import { checkEvent } from '../../../src/async/events.ts';
import type { Protocol } from '../../../src/async/interface.ts';
import { ContractError } from '../../../src/core/errors.ts';

function refusal(protocol: Protocol, event: unknown): ContractError {
  try {
    checkEvent(protocol, event);
  } catch (error) {
    if (error instanceof ContractError) return error;
    throw error;
  }
  throw new Error('The event was let through');
}

const bytes = new Uint8Array([1]);

test.each<[Protocol, unknown, string, RegExp]>([
  ['http', null, 'A-06', /an event is an object/],
  ['http', 'http.response.start', 'A-06', /an event is an object/],
  ['http', {}, 'A-06', /the type undefined/],
  ['http', { type: 7 }, 'A-06', /the type 7/],
  ['http', { type: 'http.response' }, 'A-06', /knows http\.response\.start, http\.response\.body/],
  ['http', { type: 'websocket.send', text: '' }, 'A-06', /a scope of type "http"/],
  ['http', { type: 'constructor' }, 'A-06', /knows/],
  ['http', { type: 'http.response.start' }, 'A-06', /its status is undefined/],
  ['http', { type: 'http.response.start', status: '200' }, 'A-06', /its status is "200"/],
  ['http', { type: 'http.response.start', status: 101 }, 'A-06', /its status is 101/],
  ['http', { type: 'http.response.start', status: 200.5 }, 'A-06', /its status is 200\.5/],
  ['http', { type: 'http.response.start', status: 200, headers: {} }, 'A-06', /its headers are a Object/],
  ['http', { type: 'http.response.start', status: 200, headers: ['x'] }, 'A-06', /its header "x"/],
  ['http', { type: 'http.response.start', status: 200, headers: [['x']] }, 'A-06', /an array of 1/],
  ['http', { type: 'http.response.start', status: 200, headers: [['x', 1]] }, 'A-06', /"x": 1 is not/],
  ['http', { type: 'http.response.start', status: 200, headers: [[bytes, bytes]] }, 'A-06', /a Uint8Array/],
  ['http', { type: 'http.response.body', body: 'text' }, 'A-06', /new TextEncoder\(\)\.encode/],
  ['http', { type: 'http.response.body', body: [1] }, 'A-06', /its body is an array of 1/],
  ['http', { type: 'http.response.body', more_body: 1 }, 'A-06', /its more_body is 1/],
  ['websocket', { type: 'websocket.accept', subprotocol: 'a b' }, 'A-06', /not a token/],
  ['websocket', { type: 'websocket.send', text: 1 }, 'A-06', /its text is 1/],
  ['websocket', { type: 'websocket.send', bytes: 'x' }, 'A-06', /its bytes are "x"/],
  ['websocket', { type: 'websocket.close', reason: 1 }, 'A-06', /its reason is 1/],
  ['websocket', { type: 'websocket.http.response.start', status: 0 }, 'A-06', /its status is 0/],
  ['lifespan', { type: 'lifespan.startup.failed', message: 1 }, 'A-06', /its message is 1/],
  ['lifespan', { type: 'lifespan.startup' }, 'A-06', /knows lifespan\.startup\.complete/],
])('[A-06] %s: %j is refused', (protocol, event, clause, message) => {
  const error = refusal(protocol, event);
  expect(error.clause).toBe(clause);
  expect(error.message).toMatch(message);
});

test('[A-06] the refusal has the line of the app in its stack', () => {
  function theApp(): void {
    checkEvent('http', { type: 'http.response.body', body: 'text' });
  }
  expect(() => theApp()).toThrow(expect.objectContaining({ stack: expect.stringContaining('theApp') }));
});

test('[A-07] extra keys are never an error', () => {
  const extra = { colour: 'red', nested: { more: [1, 2] }, 'x-1': null };
  for (const [protocol, event] of [
    ['http', { type: 'http.response.start', status: 200, ...extra }],
    ['http', { type: 'http.response.body', ...extra }],
    ['websocket', { type: 'websocket.accept', ...extra }],
    ['websocket', { type: 'websocket.send', text: '', ...extra }],
    ['websocket', { type: 'websocket.close', ...extra }],
    ['lifespan', { type: 'lifespan.startup.complete', ...extra }],
  ] as const)
    expect(() => checkEvent(protocol, event)).not.toThrow();
});

test('a null counts as a key left out', () => {
  checkEvent('http', { type: 'http.response.start', status: 204, headers: null });
  checkEvent('http', { type: 'http.response.body', body: null, more_body: null });
  checkEvent('websocket', { type: 'websocket.accept', subprotocol: null, headers: null });
  checkEvent('websocket', { type: 'websocket.send', text: null, bytes });
  checkEvent('websocket', { type: 'websocket.close', code: null, reason: null });
});

test.each([
  'http.response.trailers',
  'http.response.early_hint',
  'http.response.pathsend',
  'http.response.zerocopysend',
  'http.response.push',
  'http.response.debug',
])('[A-11] %s is refused while scope.extensions does not list it', (type) => {
  const error = refusal('http', { type });
  expect(error.clause).toBe('A-11');
  expect(error.message).toContain(`does not list "${type}"`);
});

test.each([
  ['a space', 'x y', 'v'],
  ['a colon', ':status', 'v'],
  ['nothing', '', 'v'],
  ['a line feed in its name', 'x\ny', 'v'],
  ['CR LF in its value', 'x', 'v\r\nset-cookie: a=b'],
  ['a NUL in its value', 'x', 'v\0'],
  ['a character beyond U+00FF', 'x', 'snow ☃'],
])('[A-32] a header with %s is refused', (_, name, value) => {
  const event = { type: 'http.response.start', status: 200, headers: [[name, value]] };
  expect(refusal('http', event).clause).toBe('A-32');
});

test('[A-32] names in upper case, obs-text and tabs are let through', () => {
  const headers = [
    ['X-Upper', 'a\tb'],
    ['x-empty', ''],
    ['x-latin', 'caf\u00e9'],
  ];
  checkEvent('http', { type: 'http.response.start', status: 200, headers });
});

test.each(['sec-websocket-protocol', 'Sec-WebSocket-Accept', 'connection', 'Upgrade', 'content-length'])(
  '[A-52] accept may not say %s',
  (name) => {
    const event = { type: 'websocket.accept', headers: [[name, 'x']] };
    expect(refusal('websocket', event).clause).toBe('A-52');
  },
);

test('[A-54] a message has exactly one of text and bytes', () => {
  expect(refusal('websocket', { type: 'websocket.send' }).message).toContain('neither text nor bytes');
  expect(refusal('websocket', { type: 'websocket.send', text: '', bytes }).message).toContain(
    'both text and bytes',
  );
  checkEvent('websocket', { type: 'websocket.send', text: '' });
  checkEvent('websocket', { type: 'websocket.send', bytes: Buffer.from('x') });
});

test.each([999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, '1000'])(
  '[A-58] the close code %j is refused',
  (code) => {
    expect(refusal('websocket', { type: 'websocket.close', code }).clause).toBe('A-58');
  },
);

test('[A-58] a reason is at most 123 bytes of UTF-8', () => {
  checkEvent('websocket', { type: 'websocket.close', code: 4000, reason: 'x'.repeat(123) });
  expect(refusal('websocket', { type: 'websocket.close', reason: 'é'.repeat(62) }).clause).toBe('A-58');
});
