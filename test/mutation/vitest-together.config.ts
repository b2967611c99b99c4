/** The tests as Stryker runs them: in one process, the short ones first, since the first failure is enough. */
import { statSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

class ShortFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number =>
      (moduleId.includes('/conformance/') ? 1e6 : 0) + statSync(moduleId).size;
    return files.toSorted((a, b) => rank(a) - rank(b));
  }
}

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    globalSetup: ['test/rsa-keys-folder.ts'],
    include: ['test/{shared,conformance,functions,agent}/**/*.test.ts'],
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    sequence: { sequencer: ShortFirst },
  },
});
