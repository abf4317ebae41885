// The settings of one group. What requests may take: sizes, numbers and times.

export const limitsRows = [
  {
    name: 'queue',
    flags: ['--queue'],
    variable: 'DUALGATE_QUEUE',
    type: 'count',
    most: 1000000,
    default: 2048,
    value: 'NUMBER',
    help: 'Sync calls that may wait for a free thread; the next one is answered 503 with Retry-After',
    group: 'Limits',
  },
  {
    name: 'maxBody',
    flags: ['--max-body'],
    variable: 'DUALGATE_MAX_BODY',
    type: 'size',
    default: 1073741824,
    value: 'SIZE',
    help: 'Largest request body in bytes, or as 16MiB; a larger one is answered 413',
    group: 'Limits',
  },
  {
    name: 'grace',
    flags: ['--grace', '--graceful-timeout', '--timeout-graceful-shutdown'],
    variable: 'DUALGATE_GRACE',
    type: 'duration',
    default: 10000,
    most: 2073600000,
    value: 'TIME',
    help: 'How long running requests may take to finish after SIGINT or SIGTERM, before they are cut',
    group: 'Limits',
  },
] as const;
