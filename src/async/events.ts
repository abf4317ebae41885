// What an event that an app sends has to look like: known, complete, and of the right types.
import { types } from 'node:util';

import { ContractError } from '../core/errors.ts';
import { isFieldValue, isToken } from '../http/grammar.ts';
import type { Clause, Protocol, SendEvent } from './interface.ts';

type Fields = Readonly<Record<string, unknown>>;
type Check = (event: Fields) => void;

/**
 * Throws ContractError, on the app's own line, where an event is unknown (A-06, or A-11 where it belongs to an extension
 * that this connection has not), lacks a key or has a value of the wrong type, or a header that is unsafe.
 * Keys beyond those of the spec are fine; a null counts as a key left out, as in Python's servers.
 */
export function checkEvent<P extends Protocol>(protocol: P, event: unknown): asserts event is SendEvent<P> {
  const fields = fieldsOf(event);
  const { type } = fields;
  if (typeof type !== 'string')
    throw new ContractError('A-06', `Cannot send an event with the type ${shown(type)}: a type is a string`);
  const check = shapes[protocol].get(type);
  if (check) return check(fields);
  if (extensionEvents.has(type)) {
    const extension = type === 'http.response.push' ? type : type.replace(/\.(start|body)$/, '');
    throw refusal('A-11', fields, `scope.extensions does not list "${extension}" on this connection`);
  }
  const known = [...shapes[protocol].keys()].join(', ');
  throw refusal('A-06', fields, `a scope of type "${protocol}" knows ${known}`);
}

/** The same for http, but for the headers of a start: whoever calls this makes lines of them, and checks them there. */
export function checkHttpButHeaders(_: 'http', event: unknown): void {
  const fields = fieldsOf(event);
  if (fields.type === 'http.response.body') checkBody(fields);
  else if (fields.type === 'http.response.start') checkStatus(fields);
  else checkEvent('http', event);
}

function fieldsOf(event: unknown): Fields {
  if (typeof event !== 'object' || event === null)
    throw new ContractError('A-06', `Cannot send ${shown(event)}: an event is an object with a type`);
  // Any object has fields to look at; what they hold is checked next.
  return event as Fields;
}

const shapes: { readonly [P in Protocol]: ReadonlyMap<string, Check> } = {
  http: new Map<string, Check>([
    ['http.response.start', checkStart],
    ['http.response.body', checkBody],
  ]),
  websocket: new Map<string, Check>([
    ['websocket.accept', checkAccept],
    ['websocket.send', checkMessage],
    ['websocket.close', checkClose],
    ['websocket.http.response.start', checkStart],
    ['websocket.http.response.body', checkBody],
  ]),
  lifespan: new Map<string, Check>([
    ['lifespan.startup.complete', () => {}],
    ['lifespan.startup.failed', checkReason],
    ['lifespan.shutdown.complete', () => {}],
    ['lifespan.shutdown.failed', checkReason],
  ]),
};

const extensionEvents: ReadonlySet<string> = new Set([
  'http.response.trailers',
  'http.response.early_hint',
  'http.response.pathsend',
  'http.response.zerocopysend',
  'http.response.push',
  'http.response.debug',
]);

function checkStart(event: Fields): void {
  checkStatus(event);
  checkHeaders(event);
}

function checkStatus(event: Fields): void {
  const { status } = event;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599)
    throw refusal('A-06', event, `its status is ${shown(status)}, not an integer from 200 to 599`);
}

function checkBody(event: Fields): void {
  const { body, more_body: more } = event;
  if (body != null && !types.isUint8Array(body)) {
    const hint = typeof body === 'string' ? ': encode it with new TextEncoder().encode(text)' : '';
    throw refusal('A-06', event, `its body is ${shown(body)}, not a Uint8Array${hint}`);
  }
  if (more != null && typeof more !== 'boolean')
    throw refusal('A-06', event, `its more_body is ${shown(more)}, not a boolean`);
}

/** What a 101 may not carry, or the server says itself (RFC 6455 §4.2.2; clause A-52). */
const ofTheHandshake = /^(sec-websocket-.*|connection|upgrade|content-length)$/i;

/** Throws ContractError where the headers are not pairs of strings, or one of them is unsafe. */
export function checkHeaders(event: { readonly headers?: unknown; readonly type?: unknown }): void {
  const { headers } = event;
  if (headers == null) return;
  if (!Array.isArray(headers))
    throw refusal('A-06', event, `its headers are ${shown(headers)}, not an array of pairs`);
  for (const pair of headers) {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw refusal('A-06', event, `its header ${shown(pair)} is not a pair of a name and a value`);
    const [name, value] = pair;
    if (typeof name !== 'string' || typeof value !== 'string')
      throw refusal('A-06', event, `its header ${shown(name)}: ${shown(value)} is not a pair of strings`);
    if (!isToken(name)) throw refusal('A-32', event, `its header name ${shown(name)} is not a token`);
    if (!isFieldValue(value))
      throw refusal(
        'A-32',
        event,
        `its header "${name}" is ${shown(value)}, with a control character or one beyond U+00FF`,
      );
  }
}

function checkAccept(event: Fields): void {
  const { subprotocol } = event;
  if (subprotocol != null && (typeof subprotocol !== 'string' || !isToken(subprotocol)))
    throw refusal('A-06', event, `its subprotocol is ${shown(subprotocol)}, not a token`);
  checkHeaders(event);
  // checkHeaders has seen that these are pairs of strings, or nothing.
  for (const [name] of (event['headers'] ?? []) as ReadonlyArray<[string, string]>)
    if (ofTheHandshake.test(name))
      throw refusal(
        'A-52',
        event,
        `the header "${name}" belongs to the server (a subprotocol has its own key)`,
      );
}

function checkMessage(event: Fields): void {
  const { text, bytes } = event;
  if ((text == null) === (bytes == null))
    throw refusal(
      'A-54',
      event,
      `it has ${text == null ? 'neither' : 'both'} text ${text == null ? 'nor' : 'and'} bytes`,
    );
  if (text != null && typeof text !== 'string')
    throw refusal('A-06', event, `its text is ${shown(text)}, not a string`);
  if (bytes != null && !types.isUint8Array(bytes))
    throw refusal('A-06', event, `its bytes are ${shown(bytes)}, not a Uint8Array`);
}

function checkClose(event: Fields): void {
  const { code, reason } = event;
  if (code != null && (typeof code !== 'number' || !isCloseCode(code)))
    throw refusal(
      'A-58',
      event,
      `its code is ${shown(code)}, not one of 1000 to 1003, 1007 to 1014 or 3000 to 4999`,
    );
  checkText(event, 'reason', reason);
  if (typeof reason === 'string' && Buffer.byteLength(reason) > 123)
    throw refusal(
      'A-58',
      event,
      `its reason is ${Buffer.byteLength(reason)} bytes long, and a close frame holds 123`,
    );
}

/** Codes that a close frame may carry (RFC 6455 §7.4). */
function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

function checkReason(event: Fields): void {
  checkText(event, 'message', event['message']);
}

function checkText(event: Fields, key: string, value: unknown): void {
  if (value != null && typeof value !== 'string')
    throw refusal('A-06', event, `its ${key} is ${shown(value)}, not a string`);
}

function refusal(clause: Clause, event: { readonly type?: unknown }, why: string): ContractError {
  return new ContractError(clause, `Cannot send "${String(event.type)}": ${why}`);
}

/** A value as it reads in a message: short, and on one line. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value)
    ? `an array of ${value.length}`
    : `a ${value.constructor?.name ?? 'plain object'}`;
}
