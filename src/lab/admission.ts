// Who may use the lab: pages and programs of this machine. It starts processes and fires requests, so no web site may.
import type { HeaderList } from '../core/bytes.ts';
import { GatewayError } from '../core/errors.ts';

export interface Refusal {
  readonly status: 403 | 415 | 421;
  readonly why: string;
}

/** Throws GatewayError USAGE unless `bind` is an address of this machine alone. */
export function checkBind(bind: string): void {
  if (bind.startsWith('unix:') || /^:?\d+$/.test(bind)) return;
  if (isLoopback(bind.replace(/:\d+$/, ''))) return;
  throw new GatewayError(
    'USAGE',
    `Cannot open the lab on "${bind}": it starts servers and fires requests for whoever asks, so it stays on this machine; bind it to 127.0.0.1:8000`,
  );
}

/**
 * Why a request is refused; undefined where it is not. A foreign name in Host is a web site whose DNS was turned to this
 * machine; a foreign Origin or Sec-Fetch-Site is a web site that posts from its own page.
 */
export function refusal(method: string, headers: HeaderList): Refusal | undefined {
  const get = (name: string): string | undefined => headers.find(([one]) => one === name)?.[1];
  const host = get('host') ?? '';
  if (host !== '' && !isLoopback(host.replace(/:\d+$/, ''))) {
    return { status: 421, why: `The lab answers to 127.0.0.1 and localhost, not to "${host}"` };
  }
  if (method === 'GET' || method === 'HEAD') return undefined;

  const site = get('sec-fetch-site') ?? 'same-origin';
  const origin = get('origin') ?? `http://${host}`;
  if (site !== 'same-origin' || origin !== `http://${host}`) {
    return { status: 403, why: 'Only the page of the lab itself may start something here' };
  }
  if (get('content-type')?.split(';')[0]?.trim() !== 'application/json') {
    return { status: 415, why: 'An order is application/json' };
  }
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
