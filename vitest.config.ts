import { defineConfig } from 'vitest/config';
import { nativeForTests } from './test/support/native-library.js';

const long = Boolean(process.env.BYO_TEST_LONG);
const shared = {
  exclude: ['node_modules/**', ...(long ? [] : ['test/long/**'])],
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

/**
 * All tests run on the runtime's operators alone, whether or not byo's own are built; where there is a compiler, those that
 * compute run again on byo's own (test/support/native-library.ts builds them).
 */
const native = long ? undefined : nativeForTests();

export default defineConfig({
  test: {
    // Most files wait for processes of one thread, so two go on at a time; long tests measure nothing, but train on every core.
    ...(long ? { fileParallelism: false } : { maxWorkers: 2 }),
    projects: [
      // Patterns are relative to --dir, which `make test-long` sets.
      {
        test: {
          ...shared, name: 'tests', env: { BYO_NATIVE: process.env.BYO_NATIVE ?? 'off' }, include: ['**/*.test.ts'],
          // Without a library these are all skipped.
          exclude: [...shared.exclude, ...(native ? ['test/core/engine/native.test.ts'] : [])],
        },
      },
      ...(native ? [{
        test: {
          ...shared, name: 'native', env: { BYO_NATIVE: native },
          include: [
            'test/core/engine/native.test.ts', 'test/core/{graph,nn,optim,losses}/**/*.test.ts', 'test/bench/workloads.test.ts',
          ],
        },
      }] : []),
    ],
  },
});
