// Who may use the lab.
import { expect, test } from 'vitest';

import type { HeaderList } from '../../../src/core/bytes.ts';
import { checkBind, refusal } from '../../../src/lab/admission.ts';

const ours = [
  ['host', '127.0.0.1:8000'],
  ['origin', 'http://127.0.0.1:8000'],
  ['sec-fetch-site', 'same-origin'],
  ['content-type', 'application/json'],
] as const satisfies HeaderList;

function but(name: string, value?: string): HeaderList {
  const rest = ours.filter(([one]) => one !== name);
  return value === undefined ? rest : [...rest, [name, value]];
}

test('the page itself, and a program without a browser around it, may post', () => {
  expect(refusal('POST', ours)).toBeUndefined();
  expect(
    refusal('POST', [
      ['host', 'localhost:8000'],
      ['content-type', 'application/json; charset=utf-8'],
    ]),
  ).toBeUndefined();
});

test.for([
  'evil.example',
  'evil.example:8000',
  '127.0.0.1.evil.example',
  'localhost.evil.example:80',
  '10.0.0.1',
])('Host "%s" is a name that was turned to this machine: refused even to read', (host) => {
  expect(refusal('GET', but('host', host))?.status).toBe(421);
});

test.for(['localhost', 'localhost:8000', '127.0.0.1', '127.1.2.3:80', '[::1]:8000', '[::1]'])(
  'Host "%s" is this machine',
  (host) => {
    expect(refusal('GET', [['host', host]])).toBeUndefined();
  },
);

test.for([
  ['origin', 'http://evil.example', 403],
  ['origin', 'null', 403],
  ['origin', 'https://127.0.0.1:8000', 403],
  ['origin', 'http://127.0.0.1:9000', 403],
  ['sec-fetch-site', 'cross-site', 403],
  ['sec-fetch-site', 'same-site', 403],
  ['content-type', 'text/plain', 415],
  ['content-type', undefined, 415],
] as const)('a POST with %s: %s is answered %i', ([name, value, status]) => {
  expect(refusal('POST', but(name, value))?.status).toBe(status);
  expect(refusal('GET', but(name, value))).toBeUndefined();
});

test('it binds to this machine alone', () => {
  for (const bind of ['127.0.0.1:0', 'localhost:8000', '[::1]:8000', ':8000', '8000', 'unix:/tmp/lab']) {
    expect(() => checkBind(bind), bind).not.toThrow();
  }
  for (const bind of ['0.0.0.0:8000', '[::]:8000', '10.1.2.3:80', 'example.org:80', '::8000']) {
    expect(() => checkBind(bind), bind).toThrow('stays on this machine');
  }
});
