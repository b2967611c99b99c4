import { expect, test } from 'vitest';
import { findingsOf, lineOf, ok, problem, warning } from '../../../agent/doctor/finding.ts';
import { Failure } from '../../../agent/failure.ts';

test('a finding is a line with its verdict, what was looked at, and what was found', () => {
  expect(lineOf('files', ok('a'))).toBe('ok       files      a\n');
  expect(lineOf('a long word', warning('b'))).toBe('WARNING  a long word b\n');
  expect(lineOf('x', problem(`c\u001b[31m\n${'d'.repeat(1000)}`))).toBe(
    `PROBLEM  x          c [31m ${'d'.repeat(993)}…\n`,
  );
});

test('what can not be looked at is a problem', async () => {
  const failed = (error: Error) => findingsOf(() => Promise.reject(error));
  expect(await failed(new Failure('files', 'no'))).toEqual([problem('no')]);
  const denied = Object.assign(new Error('x'), { code: 'EACCES', path: '/a' });
  expect(await failed(denied)).toEqual([
    problem(
      "/a can't be used: permission denied: give the directory to the user that joinbot runs as",
    ),
  ]);
});

test('who was told to stop, or has a mistake of ours, finds nothing', async () => {
  for (const error of [new Failure('stopped', 'stop'), new RangeError('x')])
    await expect(findingsOf(() => Promise.reject(error))).rejects.toBe(error);
});

test('one look may find nothing, one thing or many', async () => {
  expect(await findingsOf(async () => [])).toEqual([]);
  expect(await findingsOf(async () => ok('a'))).toEqual([ok('a')]);
  expect(await findingsOf(async () => [ok('a'), warning('b')])).toEqual([ok('a'), warning('b')]);
});
