import type { Reporter } from 'vitest/node';

/** As much of vitest's `TestModule` as is counted. */
export interface Counted {
  readonly errors: () => readonly unknown[];
  readonly children: {
    readonly allTests: () => Iterable<{ readonly result: () => { readonly state: State } }>;
    readonly allSuites: () => Iterable<{ readonly errors: () => readonly unknown[] }>;
  };
}
type State = 'passed' | 'failed' | 'skipped' | 'pending';

/**
 * What a run came to, in one line: `Tests: 12 passed, 0 failed, 1 skipped`. A file or a group that can't be set up, an error
 * that no test caught, and a test that never ended are failures, too.
 */
export function closingLine(modules: readonly Counted[], unhandled: readonly unknown[]): string {
  const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
  for (const { errors, children } of modules) {
    for (const test of children.allTests()) count[test.result().state] += 1;
    for (const part of [{ errors }, ...children.allSuites()])
      if (part.errors().length > 0) count.failed += 1;
  }
  return `Tests: ${count.passed} passed, ${count.failed + count.pending} failed, ${count.skipped} skipped`;
}

/** Ends each run with that line, plain, for people and for programs that read what CI printed. */
// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default class ClosingLine implements Reporter {
  readonly onTestRunEnd: NonNullable<Reporter['onTestRunEnd']> = (modules, unhandled) => {
    const counted = modules.map(
      (module): Counted => ({ errors: () => module.errors(), children: module.children }),
    );
    process.stdout.write(`${closingLine(counted, unhandled)}\n`);
  };
}
