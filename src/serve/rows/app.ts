// The settings of one group. What is served: which contract the app speaks, and how it is made.
import { pairFault } from '../../sync/deployment.ts';

export const appRows = [
  {
    name: 'interface',
    flags: ['--interface'],
    variable: 'DUALGATE_INTERFACE',
    type: 'choice',
    choices: ['auto', 'sync', 'async'],
    default: 'auto',
    help: 'Which contract the app speaks; auto looks at its parameters and says what it found',
    group: 'What is served',
  },
  {
    name: 'factory',
    flags: ['--factory'],
    variable: 'DUALGATE_FACTORY',
    type: 'switch',
    default: false,
    help: 'The export makes the app: it is called without arguments, once a thread, and may be async',
    group: 'What is served',
  },
  {
    name: 'lifespan',
    flags: ['--lifespan'],
    variable: 'DUALGATE_LIFESPAN',
    type: 'choice',
    choices: ['auto', 'on', 'off'],
    default: 'auto',
    help: 'Tell an async app of startup and shutdown: on makes its failure fatal, auto serves it without',
    group: 'What is served',
  },
  {
    name: 'environ',
    flags: ['--environ'],
    variable: 'DUALGATE_ENVIRON',
    type: 'pairs',
    default: {},
    fault: (text: string): string | null => {
      const equals = text.indexOf('=');
      return pairFault(text.slice(0, equals), text.slice(equals + 1));
    },
    example: 'SITE=shop',
    value: 'KEY=VALUE',
    help: 'A variable more in the environ of a sync app, in capitals or with a dot in its name; none of those that the server gives. Repeat the flag for more',
    group: 'What is served',
  },
  {
    name: 'lint',
    flags: ['--lint'],
    variable: 'DUALGATE_LINT',
    type: 'switch',
    default: false,
    help: 'Hold a sync app to the contract, clause by clause: what it breaks is thrown, with its line, and what is unwise is logged; for development',
    group: 'What is served',
  },
] as const;
