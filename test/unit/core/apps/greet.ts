// Exports of every kind, for the tests of core/load.ts.
import { name } from './name.js';

export const app = (): string => `hello ${name}`;
export const make = (given: string) => async (): Promise<string> => `made of ${given}`;
export const makeLater =
  async (given: string): Promise<() => string> =>
  () =>
    `made later of ${given}`;
export const broken = (): never => {
  throw new Error('no database\nhere');
};
export const answer = 42;
