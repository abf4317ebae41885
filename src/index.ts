// The front door: serve an app of either kind, on either server.
export type { Served, ServeOptions } from './serve/serve.ts';
export { serve } from './serve/serve.ts';
export type { Config } from './serve/settings.ts';
