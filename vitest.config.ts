// The tests' projects: one a kind of test, all of them on the source.
import { defineConfig } from 'vitest/config';

const project = (name: string, ...include: string[]) => ({ extends: true as const, test: { name, include } });
/** What the own engine does on a socket, asked of node:http too. */
const onNode = ['body', 'connection', 'faults', 'leaving', 'listener', 'timeouts', 'upgrade', 'websocket'];
const unitNode = project('unit-node', ...onNode.map((name) => `test/unit/http/${name}.test.ts`));

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    env: { DUALGATE_SOURCE: '1' },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      project('unit', 'test/house.test.ts', 'test/unit/**/*.test.ts'),
      { ...unitNode, test: { ...unitNode.test, env: { DUALGATE_TEST_ENGINE: 'node' } } },
      project('conformance', 'test/conformance/**/*.test.ts'),
      project('wire', 'test/wire/*.test.ts'),
      project('fuzz', 'test/fuzz/**/*.test.ts'),
      project('e2e', 'test/e2e/**/*.test.ts'),
    ],
  },
});
