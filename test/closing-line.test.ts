import { expect, test } from 'vitest';
import { type Counted, closingLine } from './closing-line.ts';

type Result = ReturnType<Counted['children']['allTests']> extends Iterable<infer T> ? T : never;

/** A file of tests, and what they came to. */
function file(
  states: readonly ReturnType<Result['result']>['state'][],
  errors = 0,
  suiteErrors = 0,
) {
  const some = (length: number) => () => Array.from({ length }, () => new Error('not set up'));
  return {
    errors: some(errors),
    children: {
      allTests: () => states.map((state) => ({ result: () => ({ state }) })),
      allSuites: () => [{ errors: some(suiteErrors) }],
    },
  };
}

test('tests of all files are counted', () => {
  const files = [file(['passed', 'failed', 'skipped']), file(['passed', 'passed'])];
  expect(closingLine(files, [])).toBe('Tests: 3 passed, 1 failed, 1 skipped');
});

test.each([
  ['an error that no test caught', [file(['passed'])], [new Error('nobody caught it')]],
  ['a file that can not be read', [file([], 1), file(['passed'])], []],
  ['a group that can not be set up', [file(['passed'], 0, 1)], []],
  ['a test that never ended', [file(['passed', 'pending'])], []],
])('%s is a failure', (_, files, unhandled) => {
  expect(closingLine(files, unhandled)).toBe('Tests: 1 passed, 1 failed, 0 skipped');
});
