// The small grammar of HTTP/1.1: tokens, field values, targets and hosts (RFC 9110 §5, RFC 9112 §3).

/** Octets of a token (RFC 9110 §5.6.2): 1 where allowed. */
export const tokenOctets: Uint8Array = octets(
  "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
);

/** Octets of a token in lower case; 0 where not allowed. */
export const nameOctets: Uint8Array = tokenOctets.map((allowed, octet) =>
  allowed === 1 && octet >= 65 && octet <= 90 ? octet + 32 : allowed * octet,
);

/** Octets of a field value: HTAB, SP, visible, obs-text (RFC 9110 §5.5); no other control, and no DEL. */
export const valueOctets: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet === 9 || (octet >= 32 && octet !== 127) ? 1 : 0,
);

/** Octets of a request target: visible ASCII, but for `#`, which has no meaning in one (RFC 9112 §3.2). */
export const targetOctets: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet > 32 && octet < 127 && octet !== 35 ? 1 : 0,
);

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const badValue = /[^\t\x20-\x7e\x80-\xff]/;
const host = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]*)(?::\d{0,5})?$/;

export function isToken(text: string): boolean {
  return token.test(text);
}

/** May it leave as a field value? No control character but HTAB, and no code unit beyond U+00FF. */
export function isFieldValue(text: string): boolean {
  return !badValue.test(text);
}

/** `uri-host [":" port]` (RFC 9110 §7.2); empty is allowed, where the target has no authority. */
export function isHost(text: string): boolean {
  if (!host.test(text)) return false;
  const port = /:(\d{1,5})$/.exec(text)?.[1];
  return port === undefined || text.endsWith(']') || Number(port) <= 65_535;
}

/** The members of a comma-separated list, in lower case, empty ones left out (RFC 9110 §5.6.1). */
export function listOf(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map(trimBlanks)
    .filter((member) => member !== '');
}

/** Without the spaces and tabs around it; in one pass, where a regular expression would take the square of their number. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && blank(text.charCodeAt(start))) start += 1;
  while (end > start && blank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function blank(unit: number): boolean {
  return unit === 32 || unit === 9;
}

const lowered = new Map<string, string>();

/** A field name in lower case; names that come often are made once. */
export function lowerName(name: string): string {
  const known = lowered.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  // Bounded: a client that sends ever new names must not fill the memory.
  if (lowered.size < 1024 && name.length <= 64) lowered.set(name, lower);
  return lower;
}

function octets(allowed: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const octet of Buffer.from(allowed, 'latin1')) table[octet] = 1;
  return table;
}
