/** How Stryker changes the code and runs the tests. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LogLevel, PartialStrykerOptions } from '@stryker-mutator/api/core';
import { testsAbout } from './about.ts';

/** The parts whose tests have to notice every change. */
export const MUTATED: readonly string[] = [
  'shared/{attestation,authority,encoding,joining,storage}/**/*.ts',
  'agent/**/*.ts',
];

/** Which tests are run, and whether every test file loads the code anew, as changes of constants need it. */
export interface Pass {
  readonly tests: readonly string[];
  readonly anew: boolean;
}

/** Which tests vitest-anew.config.ts runs, separated by spaces. */
export const TESTS_ANEW = 'MUTATION_TESTS';

/** `mutate` are files, globs, or a file's range of lines; `folder` is where the changed copy lies. */
export function options(
  folder: string,
  mutate: readonly string[],
  { tests, anew }: Pass,
): PartialStrykerOptions {
  return {
    mutate: [...mutate],
    // Named to Stryker, tests have changes of constants made too late: so Vitest itself is told which to run.
    ...(anew ? {} : { testFiles: [...tests] }),
    testRunner: 'vitest',
    vitest: {
      configFile: `test/mutation/vitest-${anew ? 'anew' : 'together'}.config.ts`,
      related: false,
    },
    coverageAnalysis: 'perTest',
    ignoreStatic: !anew,
    // Stryker would rewrite the file with a TypeScript of its own, whose interface this project's doesn't have.
    tsconfigFile: 'no-tsconfig.json',
    plugins: [
      '@stryker-mutator/vitest-runner',
      new URL('ignore-messages.ts', import.meta.url).pathname,
    ],
    ignorers: ['messages'],
    tempDirName: folder,
    ignorePatterns: ['dist', '.local', 'infra', 'bench'],
    reporters: ['progress-append-only'],
    logLevel: 'warn' as LogLevel,
    concurrency: 1,
    timeoutMS: 20_000,
    allowEmpty: true,
  };
}

/** The tests that mirror the part of the code that a file belongs to. */
export const mirroringFolder = (file: string): string =>
  `test/${file
    .split('/')
    .slice(0, file.startsWith('shared/') ? 2 : 1)
    .join('/')}/**/*.test.ts`;

/** The tests that mirror one file and those that are about it; where there are none, those of its folder. */
export function mirroring(file: string): readonly string[] {
  const own = `test/${file.replace(/\.ts$/, '.test.ts')}`;
  const tests = [...(existsSync(own) ? [own] : []), ...testsAbout(file)];
  return tests.length > 0 ? tests : [`test/${dirname(file)}/*.test.ts`];
}
