// Whom proxies speak for: Forwarded (RFC 7239) and X-Forwarded-*, believed from trusted peers only.
import type { Header } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';
import type { Correction } from './house.ts';
import type { Bound, Origin } from './exchange.ts';
import { type ForwardedElement, parseForwarded } from './forwarded-field.ts';
import { isHost, trimBlanks } from './grammar.ts';
import { ParsedHead, type RequestHead } from './head.ts';
import { forwardedNode, listedNode, type NodeName } from './node-name.ts';
import { parsePeers, type Peers } from './peers.ts';

export interface ForwardedOptions {
  /** Who may speak for others, as parsePeers() reads it; nobody: all of this is off. */
  readonly proxies: readonly string[];
  /** How many proxies stand in front: no more entries are believed; 0, the default, leaves it to the addresses. */
  readonly hops?: number;
  /** The one family of headers that the proxies write; never both, as a client writes the one that they leave alone. */
  readonly family?: 'x-forwarded' | 'forwarded';
  /** Believes X-Forwarded-Host and -Port too: each proxy has to overwrite them. Forwarded has its `host` in any case. */
  readonly host?: boolean;
}

/** What the outermost hop that is believed says; null for nothing. */
interface Said {
  readonly node: NodeName | null;
  readonly secure: boolean | null;
  readonly host: string | null;
  readonly port: number | null;
}

/** What a listener asks for each request; null where nobody is trusted. Throws GatewayError USAGE for no such peers. */
export function correctionFor(options: ForwardedOptions): Correction | null {
  if (options.proxies.length === 0) return null;
  const forwarded = new Forwarded(options);
  return (event, from) => {
    const { head, origin } = forwarded.correct(event.head, from);
    return { event: head === event.head ? event : { ...event, head }, origin };
  };
}

export class Forwarded {
  readonly #peers: Peers;
  readonly #most: number;
  readonly #family: NonNullable<ForwardedOptions['family']>;
  readonly #host: boolean;

  constructor({ proxies, hops = 0, family = 'x-forwarded', host = false }: ForwardedOptions) {
    this.#peers = parsePeers(proxies);
    this.#most = hops > 0 ? hops : Number.POSITIVE_INFINITY;
    this.#family = family;
    this.#host = host;
  }

  /**
   * The request as it reached the outermost trusted proxy. From a peer that is not trusted, and of the family that is not
   * read, no header that speaks for others is left. What is believed stays in the head as it came.
   * Throws HttpError 400 where a trusted proxy says what cannot be read: nothing is guessed.
   */
  correct(head: RequestHead, origin: Origin): { head: RequestHead; origin: Origin } {
    if (!this.#peers.has(origin.client)) return { head: edited(head, speaksForOthers, null), origin };
    const said = this.#family === 'forwarded' ? this.#standard(head) : this.#common(head);
    return { head: edited(head, (name) => this.#unread(name), said.host), origin: corrected(origin, said) };
  }

  /** X-Forwarded-*: one list each. An entry goes with the hop as far from the right; shorter lists end with the outermost. */
  #common(head: RequestHead): Said {
    const nodes = this.#believed(listedFromRight(head), (node) => node);
    const depth = Math.max(1, nodes.length);
    const at = (name: string): string | null => {
      const values = listOf(head, name);
      return values.at(-Math.min(depth, values.length)) ?? null;
    };
    return {
      node: nodes.at(-1) ?? null,
      secure: secureOf(at('x-forwarded-proto'), 'X-Forwarded-Proto'),
      host: this.#host ? hostOf(at('x-forwarded-host'), 'X-Forwarded-Host') : null,
      port: this.#host ? portOf(at('x-forwarded-port')) : null,
    };
  }

  /** Forwarded: all that a hop says stands in its element; what the outermost leaves out, the next one inwards says. */
  #standard(head: RequestHead): Said {
    const elements = this.#believed(elementsFromRight(head), nodeOf).reverse();
    const first = (name: string): string | null =>
      elements.find((element) => element.has(name))?.get(name) ?? null;
    const named = elements.find((element) => element.has('for'));
    return {
      node: named ? nodeOf(named) : null,
      secure: secureOf(first('proto'), 'Forwarded "proto"'),
      host: hostOf(first('host'), 'Forwarded "host"'),
      port: null,
    };
  }

  /** From the right, nearest first: each hop is believed as long as the one to its right is trusted. */
  #believed<T>(hops: Iterable<T>, node: (hop: T) => NodeName | null): T[] {
    const believed: T[] = [];
    for (const hop of hops) {
      believed.push(hop);
      if (believed.length === this.#most || !this.#trusts(node(hop))) break;
    }
    return believed;
  }

  /** Who has no name is trusted where everybody is. */
  #trusts(node: NodeName | null): boolean {
    if (node === 'unix') return this.#peers.has(null);
    return this.#peers.has(node === null || node === 'hidden' ? ['', 0] : node);
  }

  #unread(name: string): boolean {
    if (!speaksForOthers(name)) return false;
    if (this.#family === 'forwarded') return name !== 'forwarded';
    if (name === 'x-forwarded-host' || name === 'x-forwarded-port') return !this.#host;
    return name === 'forwarded' || name.includes('_');
  }
}

/** Also as "X_Forwarded_For", which is the same variable in CGI. */
function speaksForOthers(name: string): boolean {
  if (!/^[fx]/.test(name)) return false;
  const plain = name.includes('_') ? name.replaceAll('_', '-') : name;
  return plain === 'forwarded' || plain === 'x-real-ip' || plain.startsWith('x-forwarded-');
}

/** The head without some of its headers, and with that host where there is one; the same one where nothing changes. */
function edited(head: RequestHead, drop: (name: string) => boolean, host: string | null): RequestHead {
  const headers: Header[] = head.headers.filter(
    ([name]) => !drop(name) && (host === null || name !== 'host'),
  );
  if (host !== null) headers.unshift(['host', host]);
  else if (headers.length === head.headers.length) return head;
  return new ParsedHead(head.method, head.target, head.version, headers);
}

/** What TLS has agreed on, and whose certificate it saw, is the proxy's: nobody takes it for the client's. */
function corrected(origin: Origin, said: Said): Origin {
  const { node, secure, host, port } = said;
  if (node === null && secure === null && host === null && port === null) return origin;
  return {
    client: node === null ? origin.client : typeof node === 'string' ? null : node,
    server: serverOf(origin, said),
    secure: secure ?? origin.secure,
    tls: null,
  };
}

/**
 * Where the client's request was directed to (RFC 3875 §4.1.14, §4.1.15): the host and port that it named, else the
 * scheme's port. A proxy that names no host leaves our own.
 */
function serverOf(origin: Origin, { secure, host, port }: Said): Bound | null {
  if (host !== null) {
    const [, six, name, own] = /^(?:\[(.*)\]|(.*?))(?::(\d*))?$/.exec(host) ?? [];
    return [six ?? name ?? host, port ?? (Number(own) || ((secure ?? origin.secure) ? 443 : 80))];
  }
  if (port === null) return origin.server;
  const { server } = origin;
  return [server && server[1] !== null ? server[0] : 'localhost', port];
}

/** Not read before somebody asks: what stands left of the believed entries was written by anybody. */
function* listedFromRight(head: RequestHead): Generator<NodeName> {
  for (const entry of listOf(head, 'x-forwarded-for').reverse()) {
    yield listedNode(entry) ?? refuse('X-Forwarded-For', entry, 'it is not an address');
  }
}

function* elementsFromRight(head: RequestHead): Generator<ForwardedElement> {
  for (const line of head.all('forwarded').reverse()) yield* parseForwarded(line).reverse();
}

function nodeOf(element: ForwardedElement): NodeName | null {
  const text = element.get('for');
  if (text === undefined) return null;
  return forwardedNode(text) ?? refuse('Forwarded "for"', text, 'it is not a node of RFC 7239, section 6');
}

/** All members of a field that is a list, over all its lines; empty ones left out (RFC 9110 §5.6.1). */
function listOf(head: RequestHead, name: string): string[] {
  return head
    .all(name)
    .flatMap((line) => line.split(','))
    .map(trimBlanks)
    .filter((member) => member !== '');
}

/** Some proxies say ws and wss of a WebSocket. */
function secureOf(text: string | null, where: string): boolean | null {
  if (text === null) return null;
  const scheme = text.toLowerCase();
  if (scheme === 'https' || scheme === 'wss') return true;
  if (scheme === 'http' || scheme === 'ws') return false;
  return refuse(where, text, 'it is neither http nor https');
}

function hostOf(text: string | null, where: string): string | null {
  if (text === null || (isHost(text) && !/^(?::|$)/.test(text))) return text;
  return refuse(where, text, 'it is not a host');
}

function portOf(text: string | null): number | null {
  if (text === null) return null;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port <= 65_535 ? port : refuse('X-Forwarded-Port', text, 'it is not a port');
}

function refuse(where: string, text: string, why: string): never {
  throw new HttpError(400, `Cannot believe ${where} "${text.slice(0, 80)}" of a trusted proxy: ${why}`);
}
