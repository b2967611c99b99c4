/** As vitest-together.config.ts, but each test file loads the code anew: so it sees changes of constants. */
import { defineConfig } from 'vitest/config';
import { TESTS_ANEW } from './options.ts';
import together from './vitest-together.config.ts';

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    ...together.test,
    include: (process.env[TESTS_ANEW] ?? '').split(' '),
    isolate: true,
  },
});
