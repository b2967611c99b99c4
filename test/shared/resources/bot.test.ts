import { describe, expect, test } from 'vitest';
import { traitValues } from '../../../shared/resources/bot.ts';
import { parseResource } from '../../../shared/resources/resource.ts';
import { refusalOf } from './refused.ts';
import { bot } from './samples.ts';

// `tctl bots add example` of guides 001 and 002, and bot.yaml of guide 000.
test('a bot as the guides add it', () => {
  const added = { kind: 'bot', version: 'v1', metadata: { name: 'example' }, spec: { roles: [] } };
  expect(parseResource(added)).toEqual({ ok: true, value: added });
});

test('a bot with roles and traits', () => {
  expect(parseResource(bot)).toEqual({ ok: true, value: bot });
});

const withTrait = (trait: object): object => ({ spec: { roles: [], traits: [trait] } });

describe('is refused with', () => {
  test.each<[string, object, string]>([
    ['another version', { version: 'v2' }, 'version: expected "v1"'],
    ['no roles', { spec: {} }, 'spec.roles: missing; expected a list'],
    [
      'a wildcard as role',
      { spec: { roles: ['*'] } },
      'spec.roles[0]: expected 1 to 63 letters, digits, dots, dashes or underscores',
    ],
    [
      '33 roles',
      { spec: { roles: Array(33).fill('a') } },
      'spec.roles: expected at most 32 entries',
    ],
    [
      'traits by name',
      { spec: { roles: [], traits: { logins: ['root'] } } },
      'spec.traits: expected a list, got fields',
    ],
    [
      'a trait without values',
      withTrait({ name: 'logins' }),
      'spec.traits[0].values: missing; expected a list',
    ],
    [
      'an empty value',
      withTrait({ name: 'logins', values: [''] }),
      'spec.traits[0].values[0]: expected at least 1 character',
    ],
    [
      'a number as value',
      withTrait({ name: 'logins', values: [0] }),
      'spec.traits[0].values[0]: expected text, got a number (put it in quotes)',
    ],
    [
      'an unknown field',
      withTrait({ name: 'logins', values: [], from: 'x' }),
      'spec.traits[0].from: unknown field; there are name, values',
    ],
    [
      'logins of its own',
      { spec: { roles: [], logins: ['root'] } },
      'spec.logins: unknown field; there are roles, traits, max_session_ttl',
    ],
  ])('%s', (_, change, expected) => {
    expect(refusalOf(bot, change)).toBe(expected);
  });
});

test('the values of a trait are those of all its entries', () => {
  const traits = [
    { name: 'logins', values: ['a', 'b'] },
    { name: 'other', values: ['x'] },
    { name: 'logins', values: ['c'] },
  ];
  const many = { ...bot, spec: { roles: [], traits } };
  expect(traitValues(many, 'logins')).toEqual(['a', 'b', 'c']);
  expect(traitValues(many, 'absent')).toEqual([]);
  expect(traitValues({ ...bot, spec: { roles: [] } }, 'logins')).toEqual([]);
});
