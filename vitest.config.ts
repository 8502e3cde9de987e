import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Relative to --dir, which `make test-long` sets.
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', ...(process.env.BYO_TEST_LONG ? [] : ['test/long/**'])],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most files wait for processes of one thread, so two go on at a time; long tests measure nothing, but train on every core.
    ...(process.env.BYO_TEST_LONG ? { fileParallelism: false } : { maxWorkers: 2 }),
  },
});
