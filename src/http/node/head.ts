// The head of a node:http request, checked as strictly as our own parser's, as far as node shows it.
import type { IncomingMessage } from 'node:http';

import type { ByteString, Header, HeaderList } from '../../core/bytes.ts';
import { HttpError } from '../../core/errors.ts';
import type { HeadEvent } from '../events.ts';
import { frame, noFraming, note } from '../framing.ts';
import { isFieldValue, lowerName } from '../grammar.ts';
import { ParsedHead, type Version } from '../head.ts';
import { checkTarget } from '../head-parser.ts';
import type { Limits } from '../limits.ts';
import { keeps } from '../underscores.ts';

/** Visible ASCII but for `#` (RFC 9112 §3.2): node also takes fragments and octets beyond ASCII. */
const targetText = /^[\x21\x22\x24-\x7e]+$/;

/** `target` is what the request line said. Throws HttpError where our own engine would refuse the head. */
export function readHead(request: IncomingMessage, target: ByteString, limits: Limits): HeadEvent {
  const { method = '', rawHeaders } = request;
  if (rawHeaders.length > 2 * limits.maxHeaders)
    throw new HttpError(431, `Cannot read the head: it has more than ${limits.maxHeaders} fields`);
  if (target.length > limits.maxTarget)
    throw new HttpError(414, `Cannot read the head: its target is longer than ${limits.maxTarget} bytes`);
  if (!targetText.test(target))
    throw new HttpError(400, 'Cannot read the head: its target has an octet that belongs in none');
  const version = versionOf(request);
  const head = new ParsedHead(method, target, version, listOf(rawHeaders, limits));
  const fields = noFraming();
  for (const [name, value] of head.headers) note(fields, name, value);
  checkTarget(method, target, fields);
  return frame(head, fields, limits.maxBody);
}

function versionOf({ httpVersion }: IncomingMessage): Version {
  if (httpVersion === '1.1' || httpVersion === '1.0') return httpVersion;
  throw new HttpError(505, `Cannot speak "HTTP/${httpVersion}": HTTP/1.1 and HTTP/1.0 are spoken here`);
}

function listOf(raw: readonly string[], { underscores }: Limits): HeaderList {
  const headers: Header[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const value = raw[at + 1] ?? '';
    if (!isFieldValue(value))
      throw new HttpError(400, 'Cannot read the head: a field value has a control character');
    const name = lowerName(raw[at] ?? '');
    if (keeps(name, underscores)) headers.push([name, value]);
  }
  return headers;
}
