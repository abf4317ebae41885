// lint() on a response's head: what an app, or middleware, gives to startResponse.
import { isByteString } from '../core/bytes.ts';
import { shown, type Verdict } from './lint-verdict.ts';

/** A head as lint() took it down; what the app does to its array later is held against `headers`. */
export interface SeenHead {
  readonly status: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** The array itself. */
  readonly given: unknown;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §15.4.5: what tells a cache about the body that it has is not among them. */
const ofBody = new Set([
  'allow',
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-range',
]);

/** check_status, check_headers, check_content_type and check_exc_info of wsgiref.validate; ETag, 204 and 304 as Werkzeug does. */
export function checkStart(args: readonly unknown[], verdict: Verdict): SeenHead {
  const [status, headers, error] = args;
  if (args.length < 2 || args.length > 3) {
    verdict.fault(
      'V-02',
      `startResponse got ${args.length} arguments: it takes a status, headers and at most an error`,
    );
  }
  checkStatus(status, verdict);
  const list = checkHeaders(headers, 'startResponse', verdict);
  if (error !== undefined && error !== null && !(error instanceof Error)) {
    verdict.fault('V-23', `startResponse got ${shown(error)} for its error: give an Error, or leave it out`);
  }
  const seen: SeenHead = { status: String(status), headers: list, given: headers };
  checkMeaning(seen, verdict);
  return seen;
}

function checkStatus(status: unknown, verdict: Verdict): void {
  const hint = 'write three digits, one space and a reason, as in "200 OK"';
  if (typeof status === 'string' && !isByteString(status)) {
    verdict.fault('W-21', `The status is ${shown(status)}: one character an octet, so nothing beyond U+00FF`);
  } else if (typeof status !== 'string' || !/^[1-9]\d\d(?!\d)/.test(status)) {
    verdict.fault('V-18', `The status is ${shown(status)}: ${hint}`);
  } else if (!/^\d{3} [^\s\p{Cc}](?:[^\p{Cc}]*[^\s\p{Cc}])?$/u.test(status)) {
    verdict.warn('V-18', `The status is ${shown(status)}: ${hint}`);
  }
}

/** Those of them that are pairs of strings. */
export function checkHeaders(
  headers: unknown,
  who: string,
  verdict: Verdict,
  clause: 'V-19' | 'V-45' = 'V-19',
): SeenHead['headers'] {
  if (!Array.isArray(headers)) {
    verdict.fault(clause, `${who} got ${shown(headers)} for its headers: give an array of pairs`);
    return [];
  }
  const list: Array<readonly [string, string]> = [];
  for (const pair of headers as readonly unknown[]) {
    const [name, value]: readonly unknown[] = Array.isArray(pair) ? pair : [];
    if (!Array.isArray(pair) || pair.length !== 2 || typeof name !== 'string' || typeof value !== 'string') {
      const what = Array.isArray(pair) ? `[${pair.map(shown).join(', ')}]` : shown(pair);
      verdict.fault(clause, `${who} got the header ${what}: give a pair [name, value] of strings`);
      continue;
    }
    list.push([name, value]);
    checkHeader(name, value, verdict, clause);
  }
  return list;
}

function checkHeader(name: string, value: string, verdict: Verdict, clause: 'V-19' | 'V-45'): void {
  const early = clause === 'V-45';
  if (name.toLowerCase() === 'status') {
    verdict.fault(
      early ? clause : 'V-20',
      `There is a header ${shown(name)}: the status is an argument of its own`,
    );
  } else if (!token.test(name) || /[-_]$/.test(name)) {
    verdict.fault(
      early ? clause : 'V-21',
      `The header name ${shown(name)} is not one that a response can have`,
    );
  }
  if (!isByteString(value)) {
    verdict.fault(
      early ? clause : 'W-21',
      `The header "${name}" has the value ${shown(value)}: one character an octet, so nothing beyond U+00FF`,
    );
  } else if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
    verdict.fault(
      early ? clause : 'V-21',
      `The header "${name}" has the value ${shown(value)}: no control characters`,
    );
  }
}

function checkMeaning({ status, headers }: SeenHead, verdict: Verdict): void {
  const code = status.slice(0, 3);
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const bare = code === '204' || code === '304';
  if (bare && names.has('content-type')) {
    verdict.fault('V-22', `There is a Content-Type on ${shown(status)}: it has no body`);
  } else if (!bare && !names.has('content-type') && !code.startsWith('1')) {
    verdict.fault('V-22', `There is no Content-Type on ${shown(status)}: say what the body is`);
  }
  if (code === '204' && names.has('content-length')) {
    verdict.warn('V-34', 'There is a Content-Length on a 204: it has no body, and no length');
  }
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (code === '304' && ofBody.has(lower)) {
      verdict.warn(
        'V-32',
        `There is the header "${name}" on a 304: the cache has the body, and what is said of it`,
      );
    }
    if (lower === 'etag' && !/^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/.test(value)) {
      verdict.warn(
        'V-31',
        `The ETag is ${shown(value)}: put it in quotes, and W/ in front of them where it is weak`,
      );
    }
  }
}

/** The app's array as it is now. */
export function checkUnchanged({ headers, given }: SeenHead, verdict: Verdict): void {
  if (!Array.isArray(given)) return;
  const same =
    given.length === headers.length &&
    headers.every(([name, value], at) => {
      const now: unknown = given[at];
      return Array.isArray(now) && now[0] === name && now[1] === value;
    });
  if (!same)
    verdict.warn('V-37', 'The array of headers was changed after startResponse: that reaches nobody');
}
