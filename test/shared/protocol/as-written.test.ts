import { describe, expect, test } from 'vitest';
import { asWritten } from '../../../shared/protocol/as-written.ts';
import { bot, joinToken, lock, role } from '../resources/samples.ts';

const noticesOf = (value: unknown): string[] => {
  const written = asWritten(value);
  return written.ok ? written.notices.map(({ field }) => field) : [written.problem.field];
};
const keptOf = (value: unknown): unknown => {
  const written = asWritten(value);
  return written.ok ? written.value : written.problem;
};

test('what is written as it should be stays as it is', () => {
  for (const one of [bot, joinToken, lock(), role()])
    expect(asWritten(one)).toEqual({ ok: true, value: one, notices: [] });
});

test.each([undefined, null, 5, 'bot', [], {}, { kind: 'user', status: {} }])(
  '%j is for the schema to refuse',
  (value) => {
    expect(asWritten(value)).toEqual({ ok: true, value, notices: [] });
  },
);

test('what exports have is left out, each with a word', () => {
  const exported = {
    ...bot,
    sub_kind: '',
    status: { x: 1 },
    metadata: { ...bot.metadata, id: 1, namespace: 'default' },
  };
  expect(keptOf(exported)).toEqual(bot);
  expect(noticesOf(exported)).toEqual(['status', 'sub_kind', 'metadata.id', 'metadata.namespace']);
});

test('a missing version names those that there are', () => {
  const { version: _, ...bare } = bot;
  expect(asWritten(bare)).toEqual({
    ok: false,
    problem: { field: 'version', message: 'missing; expected v1' },
  });
});

describe('a role of another broker', () => {
  const foreign = (spec: object): unknown => ({ ...role(), spec });

  test.each<[string, object]>([
    ['no denial', { allow: {}, deny: {} }],
    ['a denial of nothing', { allow: {}, deny: { logins: [], node_labels: {}, rules: null } }],
    ['empty fields of other services', { allow: { app_labels: {}, kubernetes_groups: [] } }],
  ])('with %s is made ours', (_, spec) => {
    expect(keptOf(foreign(spec))).toEqual(role());
  });

  test.each<[string, object, string]>([
    ['denies', { deny: { logins: ['root'] } }, 'spec.deny'],
    ['denies in text', { deny: 'root' }, 'spec.deny'],
    ['allows databases', { allow: { db_users: ['x'] } }, 'spec.allow.db_users'],
    ['allows any app', { allow: { app_labels: { '*': '*' } } }, 'spec.allow.app_labels'],
  ])('that %s is refused', (_, spec, field) => {
    expect(noticesOf(foreign(spec))).toEqual([field]);
    expect(asWritten(foreign(spec)).ok).toBe(false);
  });
});

describe('a time', () => {
  const expiring = (expires: unknown) => ({ ...bot, metadata: { name: 'a', expires } });

  test.each([
    ['2027-01-01T00:00:00+01:00', '2026-12-31T23:00:00Z'],
    ['2026-11-20T12:00:00.5-09:30', '2026-11-20T21:30:00Z'],
    ['2026-11-20T12:00:00+00:00', '2026-11-20T12:00:00Z'],
  ])('%s is %s', (written, kept) => {
    expect(keptOf(expiring(written))).toEqual(expiring(kept));
  });

  test.each(['2027-01-01', '2027-02-30T00:00:00+01:00', '2027-01-01T00:00:00+24:00', '', 5, null])(
    '%j stays for the schema to refuse',
    (written) => {
      expect(keptOf(expiring(written))).toEqual(expiring(written));
    },
  );

  test('of a lock, too', () => {
    expect(keptOf(lock({ expires: '2027-01-01T00:00:00+01:00' }))).toEqual(
      lock({ expires: '2026-12-31T23:00:00Z' }),
    );
  });
});

test('a system role in another case is the one that there is', () => {
  const roles = (written: unknown) => ({
    ...joinToken,
    spec: { ...joinToken.spec, roles: written },
  });
  expect(keptOf(roles(['bot', 'NODE', 'windowsdesktop', 'x']))).toEqual(
    roles(['Bot', 'Node', 'WindowsDesktop', 'x']),
  );
  expect(keptOf(roles('bot'))).toEqual(roles('bot'));
});
