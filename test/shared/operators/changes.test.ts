import { expect, test } from 'vitest';
import { changesOf } from '../../../shared/operators/changes.ts';
import type { Role } from '../../../shared/resources/role.ts';
import { role } from '../resources/samples.ts';

const withLogins = (logins: string[]): Role => role({ logins });

test('the fields that differ are named by their paths, lists as one', () => {
  const metadata = { name: 'deploy' };
  const { changed } = changesOf(
    { ...withLogins(['a']), metadata },
    { ...withLogins(['b']), metadata: { ...metadata, expires: '2027-01-01T00:00:00Z' } },
  );
  expect(changed).toEqual(['metadata.expires', 'spec.allow.logins']);
});

test('of a new or a deleted resource there is one side only, and no field differs', () => {
  const made = withLogins(['a']);
  expect(changesOf(undefined, made)).toEqual({ changed: [], after: JSON.stringify(made) });
  expect(changesOf(made, undefined)).toEqual({ changed: [], before: JSON.stringify(made) });
});

test('long resources are shortened: no line is without end', () => {
  const long = withLogins(Array.from({ length: 100 }, (_, i) => `${'x'.repeat(200)}${i}`));
  const { before = '', after = '' } = changesOf(long, withLogins(['a']));
  expect(before).toHaveLength(4097);
  expect(before.endsWith('…')).toBe(true);
  expect(after).toBe(JSON.stringify(withLogins(['a'])));
});
