import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseResource } from '../../../shared/resources/resource.ts';
import { loginsOf, maxSessionSeconds, PRESET_ROLES } from '../../../shared/resources/role.ts';
import { refusalOf } from './refused.ts';
import { bot, role } from './samples.ts';

const INTERNAL = '{{internal.logins}}';
const botWith = (...values: string[]) => ({
  ...bot,
  spec: { roles: [], traits: [{ name: 'logins', values }] },
});

test('preset roles pass their own check', () => {
  expect(PRESET_ROLES.map(({ metadata }) => metadata.name)).toEqual([
    'access',
    'auditor',
    'editor',
  ]);
  for (const preset of PRESET_ROLES)
    expect(parseResource(preset)).toEqual({ ok: true, value: preset });
});

test.each(['v3', 'v4', 'v5', 'v6', 'v7', 'v8'])('version %s is read', (version) => {
  expect(refusalOf(role(), { version })).toBe('accepted');
});

test('a role without anything allows nothing', () => {
  expect(parseResource({ ...role(), spec: {} })).toMatchObject({ value: { spec: { allow: {} } } });
  expect(loginsOf(role(), bot)).toEqual([]);
});

const allow = (change: object): object => ({ spec: { allow: change } });
const LOGIN = 'expected a login of letters, digits and . _ @ -, or {{internal.logins}}';
const TEMPLATE =
  "expected {{internal.logins}} (the bot's trait logins), which is the only template there is";
const LABELS = 'expected {"*": "*"}: nothing here could enforce narrower node labels';

describe('is accepted with', () => {
  test.each<[string, object]>([
    ['logins', allow({ logins: ['root', INTERNAL, 'svc_a.b-c@corp'] })],
    ['every node', allow({ node_labels: { '*': '*' } })],
    ['every node, as a list', allow({ node_labels: { '*': ['*'] } })],
    ['any rules', allow({ rules: [{ resources: ['*'], verbs: ['*'] }] })],
    ['rules', allow({ rules: [{ resources: ['session'], verbs: ['list', 'read'] }] })],
    ['a lifetime', { spec: { options: { max_session_ttl: '8h' } } }],
  ])('%s', (_, change) => {
    expect(refusalOf(role(), change)).toBe('accepted');
  });
});

describe('is refused with', () => {
  test.each<[string, object, string]>([
    ['another version', { version: 'v2' }, 'version: expected one of v3, v4, v5, v6, v7, v8'],
    ['a login with a comma', allow({ logins: ['root,admin'] }), `spec.allow.logins[0]: ${LOGIN}`],
    ['a login with a space', allow({ logins: ['ok', 'a b'] }), `spec.allow.logins[1]: ${LOGIN}`],
    ['an empty login', allow({ logins: [''] }), `spec.allow.logins[0]: ${LOGIN}`],
    ['a wildcard', allow({ logins: ['*'] }), `spec.allow.logins[0]: ${LOGIN}`],
    ['a line feed', allow({ logins: ['root\n'] }), `spec.allow.logins[0]: ${LOGIN}`],
    [
      'another template',
      allow({ logins: ['{{external.logins}}'] }),
      `spec.allow.logins[0]: ${TEMPLATE}`,
    ],
    [
      'a template inside',
      allow({ logins: [`a-${INTERNAL}`] }),
      `spec.allow.logins[0]: ${TEMPLATE}`,
    ],
    [
      'a login of 256 letters',
      allow({ logins: ['a'.repeat(256)] }),
      `spec.allow.logins[0]: ${LOGIN}`,
    ],
    ['some nodes', allow({ node_labels: { env: 'prod' } }), `spec.allow.node_labels: ${LABELS}`],
    [
      'another value for every node',
      allow({ node_labels: { '*': 'x' } }),
      `spec.allow.node_labels: ${LABELS}`,
    ],
    ['no node', allow({ node_labels: {} }), `spec.allow.node_labels: ${LABELS}`],
    ['nodes as text', allow({ node_labels: '*' }), `spec.allow.node_labels: ${LABELS}, got text`],
    [
      'what it denies',
      { spec: { allow: {}, deny: {} } },
      'spec.deny: unknown field; there are allow, options',
    ],
    [
      'something else allowed',
      allow({ kubernetes_groups: [] }),
      'spec.allow.kubernetes_groups: unknown field; there are logins, node_labels, rules',
    ],
    [
      'a bad lifetime',
      { spec: { options: { max_session_ttl: '8 hours' } } },
      'spec.options.max_session_ttl: expected a duration such as 30m or 1h30m',
    ],
    [
      'another option',
      { spec: { options: { record_session: true } } },
      'spec.options.record_session: unknown field; there are max_session_ttl, permit_pty, permit_port_forwarding, port_forwarding, permit_agent_forwarding, forward_agent, permit_x11_forwarding, permit_user_rc, source_address',
    ],
  ])('%s', (_, change, expected) => {
    expect(refusalOf(role(), change)).toBe(expected);
  });
});

describe('logins', () => {
  test("are the role's own, and those of the bot's trait, without repeats", () => {
    const logins = ['root', INTERNAL, 'app', 'app'];
    expect(loginsOf(role({ logins }), botWith('deploy', 'root'))).toEqual([
      'root',
      'deploy',
      'app',
    ]);
  });

  test('come from no trait unless the role says so', () => {
    expect(loginsOf(role({ logins: ['app'] }), botWith('root'))).toEqual(['app']);
    expect(loginsOf(role({ logins: [INTERNAL] }), { ...bot, spec: { roles: [] } })).toEqual([]);
  });

  test('values of the trait that are no principals are left out', () => {
    const values = ['a b', 'a,b', '*', 'ok', INTERNAL, 'a\n'];
    expect(loginsOf(role({ logins: [INTERNAL] }), botWith(...values))).toEqual(['ok']);
  });

  test('are principals, whatever the trait holds', () => {
    const value = fc.string({ unit: fc.constantFrom(...'aZ0._@-, *?\n\0ä{}'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(value), (values) => {
        for (const login of loginsOf(role({ logins: [INTERNAL] }), botWith(...values)))
          expect(login).toMatch(/^[A-Za-z0-9._@-]{1,255}$/);
      }),
    );
  });
});

test('without a lifetime of its own a role limits nothing', () => {
  expect(maxSessionSeconds(role())).toBe(Number.POSITIVE_INFINITY);
  expect(maxSessionSeconds(role({}, { max_session_ttl: '90m' }))).toBe(5400);
});
