import { expect, test } from 'vitest';
import { resource } from '../../../shared/protocol/resource.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';
import { isExpired } from '../../../shared/resources/expiry.ts';
import { parseResource } from '../../../shared/resources/resource.ts';
import { PRESET_ROLES } from '../../../shared/resources/role.ts';
import { bot, joinToken, lock, role } from './samples.ts';

const KINDS = 'expected one of token, bot, role, lock, azure_root, azure_denied_signer';

test.each([
  ['a number', 5, '', 'expected fields, got a number'],
  ['a list', [], '', 'expected fields, got a list'],
  ['null', null, '', 'expected fields, got nothing'],
  ['no kind', {}, 'kind', `missing; ${KINDS}`],
  ['an unknown kind', { kind: 'user' }, 'kind', KINDS],
  ['a kind that every object has', { kind: 'constructor' }, 'kind', KINDS],
])('%s is no resource', (_, value, field, message) => {
  expect(parseResource(value)).toEqual({ ok: false, problem: { field, message } });
});

test('every resource has the shape that travels', () => {
  for (const one of [bot, joinToken, lock(), role(), ...PRESET_ROLES])
    expect(parseWith(resource, JSON.parse(JSON.stringify(one)))).toEqual({ ok: true, value: one });
});

test('a resource expires at the very second that it says, or never', () => {
  const ending = { ...bot, metadata: { name: 'a', expires: '2026-11-20T12:00:00Z' } };
  expect(isExpired(ending, new Date('2026-11-20T11:59:59.999Z'))).toBe(false);
  expect(isExpired(ending, new Date('2026-11-20T12:00:00Z'))).toBe(true);
  expect(isExpired(bot, new Date('9999-01-01T00:00:00Z'))).toBe(false);
});
