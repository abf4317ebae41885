// Exports that are no apps, and one that makes one.
import { app as hello } from './hello-sync.ts';

export const one = (request: unknown): unknown => request;
export const none = 42;
export const later = async (environ: unknown, startResponse: unknown): Promise<unknown[]> => [
  environ,
  startResponse,
];
export const make = async (): Promise<typeof hello> => hello;
