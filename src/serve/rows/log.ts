// The settings of one group. What is written about it, and how it looks.

export const logRows = [
  {
    name: 'accessLog',
    flags: ['--access-log'],
    variable: 'DUALGATE_ACCESS_LOG',
    type: 'switch',
    default: true,
    help: 'One line a request on standard output',
    group: 'Log',
  },
  {
    name: 'logLevel',
    flags: ['--log-level'],
    variable: 'DUALGATE_LOG_LEVEL',
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    help: 'The least important kind of line that is written to standard error',
    group: 'Log',
  },
  {
    name: 'logFormat',
    flags: ['--log-format'],
    variable: 'DUALGATE_LOG_FORMAT',
    type: 'choice',
    choices: ['auto', 'text', 'json'],
    default: 'auto',
    help: 'How those lines look: auto is text on a terminal and JSON elsewhere',
    group: 'Log',
  },
] as const;
