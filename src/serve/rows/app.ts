// The settings of one group. What is served: which contract the app speaks, and how it is made.

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
] as const;
