import { expect, test } from 'vitest';
import { explain, type Mutant } from './explain.ts';
import { table } from './score.ts';

const SOURCE = 'const a = 1;\n  if (a > 0)\n    run();\n';
const mutant = (changes: Partial<Mutant> = {}): Mutant => ({
  fileName: 'shared/a.ts',
  mutatorName: 'EqualityOperator',
  replacement: 'a >= 0',
  status: 'Survived',
  isConstant: false,
  location: { start: { line: 2, column: 7 }, end: { line: 2, column: 12 } },
  ...changes,
});
const sources = new Map([['shared/a.ts', SOURCE]]);
const WHY = { line: 'if (a > 0)', becomes: ['a>=0'], why: 'zero is never asked for' };

test('what survived is told with its place, what stood there and what it became', () => {
  const { survivors, stale } = explain([mutant(), mutant({ status: 'NoCoverage' })], sources, {});
  expect(survivors).toEqual([
    'shared/a.ts:2:7\n- a > 0\n+ a >= 0',
    'shared/a.ts:2:7, which no test runs\n- a > 0\n+ a >= 0',
  ]);
  expect(stale).toEqual([]);
});

test('what is explained is not told, and only that', () => {
  const other = mutant({ replacement: 'true' });
  const { survivors, stale } = explain([mutant(), other], sources, { 'shared/a.ts': [WHY] });
  expect(survivors).toEqual(['shared/a.ts:2:7\n- a > 0\n+ true']);
  expect(stale).toEqual([]);
});

test('an explanation of something that no longer survives is told, if its file was changed', () => {
  const explained = { 'shared/a.ts': [WHY], 'shared/b.ts': [WHY] };
  const { stale } = explain([mutant({ status: 'Killed' })], sources, explained);
  expect(stale).toEqual(['shared/a.ts: if (a > 0) => a>=0']);
});

test('the score counts what was noticed of what was tried', () => {
  const mutants = ['Killed', 'Timeout', 'Survived', 'NoCoverage', 'Ignored', 'RuntimeError'];
  expect(
    table(
      mutants.map((status) => mutant({ status })),
      2,
    ).split('\n'),
  ).toEqual([
    '  50.0 %      2 of     4  shared/a.ts',
    '  50.0 %      2 of     4  all',
    'Without an explanation: 2',
  ]);
});
