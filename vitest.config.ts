import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const TESTS = 'test/**/*.test.ts';

/**
 * The tests that each need a process of their own: they start the stack, Azurite, programs or a worker, or load a library
 * that keeps its state in the process. All others share their processes, and with them the modules that are loaded:
 * test/leaves-no-trace.ts holds them to leaving both as they found them.
 */
const ALONE = [
  'test/{docs,endurance,infra,scenarios,scripts,workflows}/**/*.test.ts',
  'test/functions/{bundle,probe,telemetry}.test.ts',
  'test/local/*.test.ts',
  'test/local/rotation/live/proof.test.ts',
  'test/shared/authority/init-race.test.ts',
  'test/shared/storage/azure-tables.test.ts',
  'test/shared/telemetry/application-insights.test.ts',
];

/**
 * Long ones, for changes to what they are about: a minute of the three that all tests may take. `.ci/run` has them run, and so does
 * `CI=true npm test`.
 */
const LONG = [
  'test/endurance/**/*.test.ts',
  'test/local/{npm-programs,prove-renewals}.test.ts',
  'test/local/rotation/live/proof.test.ts',
  'test/scenarios/{no-secrets,outputs,runbook}.test.ts',
  'test/scripts/{executables,package}.test.ts',
  'test/shared/authority/init-race.test.ts',
];
const left = process.env['CI'] ? [] : LONG;

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts', 'test/rsa-keys-folder.ts'],
    // Many wait for programs that they have started: a third worker has the time of two.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // A test may start programs and a whole stack, on a machine with two busy cores.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: !process.env['CI'],
    reporters: [
      'default',
      ...(process.env['GITHUB_ACTIONS'] ? ['github-actions'] : []),
      './test/closing-line.ts',
    ],
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE, exclude: left } },
      {
        extends: true,
        test: {
          name: 'together',
          include: [TESTS],
          exclude: [...ALONE, ...left],
          isolate: false,
          setupFiles: ['test/leaves-no-trace.ts'],
        },
      },
    ],
  },
});
