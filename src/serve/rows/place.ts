// The settings of one group. Where the app is served, and by what.

export const placeRows = [
  {
    name: 'bind',
    flags: ['--bind', '-b'],
    variable: 'DUALGATE_BIND',
    type: 'address',
    default: '127.0.0.1:8000',
    value: 'ADDRESS',
    help: 'Where to listen: HOST:PORT, [IPv6]:PORT, :PORT (this machine only) or unix:PATH; port 0 takes a free one',
    group: 'Where and how',
  },
  {
    name: 'server',
    flags: ['--server'],
    variable: 'DUALGATE_SERVER',
    type: 'choice',
    choices: ['auto', 'sync', 'async'],
    default: 'auto',
    help: "Which server runs the app; auto takes the one of the app's own kind, the other one needs a bridge",
    group: 'Where and how',
  },
  {
    name: 'engine',
    flags: ['--engine'],
    variable: 'DUALGATE_ENGINE',
    type: 'choice',
    choices: ['own', 'node'],
    default: 'own',
    help: 'What speaks HTTP: own is strict and fast, node is node:http, which accepts more and refuses other methods',
    group: 'Where and how',
  },
  {
    name: 'threads',
    flags: ['--threads'],
    variable: 'DUALGATE_THREADS',
    type: 'count',
    most: 512,
    value: 'NUMBER',
    help: 'Threads for sync calls, 4 unless told otherwise; 0 makes them on the event loop, one at a time',
    group: 'Where and how',
  },
] as const;
