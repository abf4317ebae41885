// srvx on Node.
import { serve } from 'srvx';

import { fetch } from './fetch-app.js';

const server = serve({ fetch, port: Number(process.argv[2]), hostname: '127.0.0.1', silent: true });
await server.ready();
console.log('ready');
