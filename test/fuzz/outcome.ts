// What a parser made of a stream of bytes, in a shape in which two of them can be held against each other.

export type Fields = ReadonlyArray<readonly [name: string, value: string]>;

/** A request. Names in lower case; values and body: one code unit an octet. */
export interface Message {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: Fields;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  readonly body: string;
  readonly trailers: Fields;
}

export interface Outcome {
  /** Complete ones, in their order; none behind one that closes the connection. */
  readonly messages: readonly Message[];
  /** One whose head was given out and whose end has not come, or came broken. */
  readonly open: Message | null;
  /** `more`: it waits for bytes. `closed`: its last message closes the connection. */
  readonly ending: 'more' | 'closed' | 'refused';
  /** Where it refused: with what, and why in its own words (a sentence of ours, a code of node's). */
  readonly status: number;
  readonly why: string;
}

/** The first thing in which two messages differ. */
export function difference(ours: Message, theirs: Message): keyof Message | null {
  return headDifference(ours, theirs) ?? bodyDifference(ours, theirs);
}

export function headDifference(ours: Message, theirs: Message): keyof Message | null {
  for (const key of ['method', 'target', 'version', 'expectsContinue', 'keepAlive'] as const)
    if (ours[key] !== theirs[key]) return key;
  return sameFields(ours.headers, theirs.headers) ? null : 'headers';
}

function bodyDifference(ours: Message, theirs: Message): keyof Message | null {
  if (ours.body !== theirs.body) return 'body';
  return sameFields(ours.trailers, theirs.trailers) ? null : 'trailers';
}

/** Names, values, order, count. */
function sameFields(ours: Fields, theirs: Fields): boolean {
  return (
    ours.length === theirs.length &&
    ours.every(([name, value], at) => name === theirs[at]?.[0] && value === theirs[at]?.[1])
  );
}

/** Two outcomes are the same where these are; the words of a refusal do not count. */
export function digest({ messages, open, ending, status }: Outcome): string {
  let text = `${ending} ${status}\n`;
  for (const message of messages) text += digestOf(message);
  return open ? `${text}open\n${digestOf(open)}` : text;
}

function digestOf(message: Message): string {
  const { method, target, version, keepAlive, expectsContinue, headers, body, trailers } = message;
  const line = `${method} ${target} ${version} ${keepAlive} ${expectsContinue}\n`;
  return `${line}${digestOfFields(headers)}\n${body.length} ${body}\n${digestOfFields(trailers)}\n`;
}

function digestOfFields(fields: Fields): string {
  let text = '';
  for (const [name, value] of fields) text += `${name}: ${value}\n`;
  return text;
}
