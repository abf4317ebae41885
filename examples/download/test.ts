// npx tsx -C source --test examples/download/test.ts   (in your own project: npx tsx --test)
// The app beside it, called without a server: node:test here, and any other runner will do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { call } from 'dualgate/sync/testing';

import { app } from './app.ts';

test('a file goes out whole, with its length', () => {
  const answer = call(app, '/package.json');
  assert.equal(answer.status, 200);
  assert.equal(answer.get('content-length'), String(answer.body.length));
  assert.deepEqual(answer.body, readFileSync('package.json'));
  assert.ok(answer.closed);
});

test('a client that leaves early leaves no open file behind', () => {
  const answer = call(app, { path: '/package-lock.json', limit: 1000 });
  assert.equal(answer.body.length, 1000);
  assert.equal(answer.complete, false);
  assert.ok(answer.closed);
});

test('what is outside of the folder is not there', () => {
  for (const path of ['/../etc/hosts', '/%2e%2e/%2e%2e/etc/hosts', '/nope', '/']) {
    assert.equal(call(app, path).status, 404, path);
  }
});
