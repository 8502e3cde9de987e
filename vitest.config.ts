import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Relative to --dir, which `make test-long` sets.
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', ...(process.env.BYO_TEST_LONG ? [] : ['test/long/**'])],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Each file trains or spawns processes that use every core: files run one after the other.
    fileParallelism: false,
  },
});
