import { defineConfig } from 'vitest/config';

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    // A test may start programs and a whole stack, on a machine with two busy cores.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: !process.env['CI'],
  },
});
