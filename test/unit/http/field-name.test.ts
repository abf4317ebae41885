// Field names that come again and again: one object a name, also where two of them share a place in the table.
import { expect, test } from 'vitest';

import { commonNames } from '../../../src/http/field-name.ts';
import { defaultLimits } from '../../../src/http/limits.ts';
import { Parser } from '../../../src/http/parser.ts';
import { environOf } from '../../../src/sync/environ.ts';

// Those that decide about framing have rules of their own for a second one.
const repeatable = commonNames.filter(
  (name) => !/^(?:host|content-length|transfer-encoding|connection|expect)$/.test(name),
);

test.each(repeatable)('W-12: a second %s joins the first', (name) => {
  const parser = new Parser(defaultLimits);
  parser.feed(Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${name}: one\r\n${name}: two\r\n\r\n`, 'latin1'));
  const event = parser.next();
  if (event?.kind !== 'head') throw new Error('No head came');
  expect(event.head.fields?.plain).toBe(false);
  const request = { id: '-', head: event.head, secure: false, client: null, server: null, tls: null };
  const key = name === 'content-type' ? 'CONTENT_TYPE' : `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;
  expect(environOf(request)[key as 'HTTP_COOKIE']).toBe(name === 'cookie' ? 'one; two' : 'one,two');
});
