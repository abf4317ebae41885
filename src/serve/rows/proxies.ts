// The settings of one group. Which proxies may speak for their clients.
import { peerFault } from '../../http/peers.ts';

export const proxiesRows = [
  {
    name: 'proxyProtocol',
    flags: ['--proxy-protocol'],
    variable: 'DUALGATE_PROXY_PROTOCOL',
    type: 'list',
    default: [],
    fault: (text: string): string | null => peerFault(text),
    example: '10.0.0.0/8',
    value: 'PEERS',
    help: 'The load balancers that speak the PROXY protocol (1 or 2), by address: 10.0.0.7, 10.0.0.0/8, unix or *. Each connection of theirs has to begin with it, and nobody else may connect',
    group: 'Proxies',
  },
] as const;
