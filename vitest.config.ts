import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/unit/**/*.test.ts', 'test/reference/**/*.test.ts', 'test/command-line/**/*.test.ts', 'test/app/**/*.test.ts'],
    setupFiles: ['test/support/after-each-file.ts'],
    pool: 'forks',
    maxWorkers: 2,
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
