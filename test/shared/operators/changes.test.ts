import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { changesOf } from '../../../shared/operators/changes.ts';
import type { JoinToken } from '../../../shared/resources/join-token.ts';
import type { AnyResource } from '../../../shared/resources/resource.ts';
import type { Role } from '../../../shared/resources/role.ts';
import { createAuditLog } from '../../../shared/storage/audit-log.ts';
import { createMemoryTables } from '../../../shared/storage/memory-tables.ts';
import { joinToken, role, SUBSCRIPTION } from '../resources/samples.ts';

const withLogins = (logins: string[]): Role => role({ logins });

const sha256 = (resource: AnyResource): string =>
  createHash('sha256').update(JSON.stringify(resource)).digest('hex');

/** 100 rules of 250 characters, of which some are others. */
function withRules(others: Readonly<Record<number, string>> = {}, padding = 'x'): JoinToken {
  const allow = Array.from({ length: 100 }, (_, i) => ({
    subscription: SUBSCRIPTION,
    resource_groups: [others[i] ?? `${padding.repeat(180)}${i}`],
  }));
  return {
    ...joinToken,
    spec: { roles: ['Bot'], bot_name: 'example', join_method: 'azure', azure: { allow } },
  };
}

describe('the fields that differ', () => {
  test('are named by their paths, those of a list by their numbers', () => {
    const metadata = { name: 'deploy' };
    const { changed } = changesOf(
      { ...withLogins(['a', 'b', 'c']), metadata },
      { ...withLogins(['a', 'x']), metadata: { ...metadata, expires: '2027-01-01T00:00:00Z' } },
    );
    expect(changed).toEqual(['metadata.expires', 'spec.allow.logins[1]', 'spec.allow.logins[2]']);
  });

  test('are found deep within a list', () => {
    const { changed } = changesOf(withRules(), withRules({ 57: 'theirs' }));
    expect(changed).toEqual(['spec.azure.allow[57].resource_groups[0]']);
  });

  test.each([
    ['a list that is empty now, and was not there', {}, { logins: [] }, 'spec.allow.logins'],
    ['a mapping in the place of a list', { logins: [] }, { logins: {} }, 'spec.allow.logins'],
    ['a name that looks like a path', {}, { 'a.b[0]': 1 }, 'spec.allow["a.b[0]"]'],
    ['a name that every object has', {}, JSON.parse('{"__proto__": {}}'), 'spec.allow.__proto__'],
  ])('are told apart: %s', (_, before, after, path) => {
    const of = (allow: object) => role(allow as Role['spec']['allow']);
    expect(changesOf(of(before), of(after)).changed).toEqual([path]);
    expect(changesOf(of(after), of(before)).changed).toEqual([path]);
  });

  test('are named as long as there is room; a long name keeps no other out', () => {
    const allow = (n: number) =>
      ({ [`long${'x'.repeat(9000)}`]: n, ...Object.fromEntries([[`last`, n]]) }) as object;
    expect(changesOf(role(allow(1)), role(allow(2))).changed).toEqual(['spec.allow.last', '…']);
    const logins = (text: string) => withLogins(Array.from({ length: 2000 }, (_, i) => text + i));
    const { changed } = changesOf(logins('a'), logins('b'));
    expect(changed.length).toBeGreaterThan(300);
    expect(changed.at(-1)).toBe('…');
  });
});

test('of a new or a deleted resource there is one side only, and no field differs', () => {
  const made = withLogins(['a']);
  const json = JSON.stringify(made);
  const after = { after: json, after_sha256: sha256(made) };
  expect(changesOf(undefined, made)).toEqual({ changed: [], ...after });
  const before = { before: json, before_sha256: sha256(made) };
  expect(changesOf(made, undefined)).toEqual({ changed: [], ...before });
});

describe('of a long resource', () => {
  test('the changed fields are shown, before and after', () => {
    const changes = changesOf(withRules(), withRules({ 57: 'theirs' }));
    const path = 'spec.azure.allow[57].resource_groups[0]';
    expect(JSON.parse(changes.before ?? '')).toEqual({ [path]: `${'x'.repeat(180)}57` });
    expect(JSON.parse(changes.after ?? '')).toEqual({ [path]: 'theirs' });
  });

  test('a short change is not hidden behind long ones', () => {
    const { before, after } = changesOf(withRules(), withRules({ 99: 'theirs' }, 'y'));
    expect(after).toMatch(/^\{"spec\.azure\.allow\[99\]\.resource_groups\[0\]":"theirs",.*…$/);
    expect(before).toMatch(/^\{"spec\.azure\.allow\[99\].*…$/);
  });

  test('what is cut differs in its hash', () => {
    const [one, other] = [withRules(), withRules({ 99: 'theirs' })];
    const made = changesOf(undefined, one);
    expect(made.after).toMatch(/…$/);
    expect(changesOf(undefined, other).after).toBe(made.after);
    expect(made.after_sha256).toBe(sha256(one));
    expect(changesOf(undefined, other).after_sha256).toBe(sha256(other));
    expect(changesOf(one, other)).toMatchObject({
      before_sha256: sha256(one),
      after_sha256: sha256(other),
    });
  });

  test.each(['x', '"', '\\', '\u0001', 'ü', '𝄞', '\ud834'])(
    'the record fits one column, and can be read again: of %j',
    async (character) => {
      const many = (end: string) =>
        withLogins(Array.from({ length: 600 }, (_, i) => character.repeat(50) + i + end));
      const tables = createMemoryTables();
      const log = createAuditLog(tables.audit);
      const id = '01a1fa95-c122-7a58-aa32-c69cc852cfc7';
      for (const changes of [changesOf(many('a'), many('b')), changesOf(undefined, many('a'))]) {
        expect((changes.after ?? '').length).toBeGreaterThan(2000);
        const facts = {
          action: 'replace',
          resource: 'r'.repeat(128),
          outcome: 'done',
          operator: 'o'.repeat(36),
          operator_name: '\\'.repeat(128),
          ...changes,
        } as const;
        await log.write(id, facts);
        expect(await log.find(id)).toMatchObject(facts);
        const [row] = await tables.audit.list({});
        expect(String(row?.values['json']).length).toBeLessThan(32_768);
      }
    },
  );
});

test('no secret is in it, nor counts for the hash', () => {
  const withSecret = (secret_sha256: string): AnyResource => ({
    ...joinToken,
    spec: { roles: ['Bot'], bot_name: 'x'.repeat(9000), join_method: 'token', secret_sha256 },
  });
  const [one, other] = ['1', '2'].map((digit) => withSecret(digit.repeat(64)));
  const changes = changesOf(one, other);
  expect(JSON.stringify(changes)).not.toMatch(/1{64}|2{64}/);
  expect(changes.changed).toEqual(['spec.secret_sha256']);
  expect(changes.after_sha256).toBe(changes.before_sha256);
});
