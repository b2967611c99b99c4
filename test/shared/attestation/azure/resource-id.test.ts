import { describe, expect, test } from 'vitest';
import {
  formatMachineId,
  parseIdentityId,
  parseMachineId,
} from '../../../../shared/attestation/azure/resource-id.ts';

const SUBSCRIPTION = '0123abcd-4567-89ef-0123-456789abcdef';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourcegroups/group1`;
const COMPUTE = `${GROUP}/providers/microsoft.compute`;
const VM = `${COMPUTE}/virtualmachines/vm-a`;
const SET = `${COMPUTE}/virtualmachinescalesets/set-a`;
const IDENTITY = `${GROUP}/providers/microsoft.managedidentity/userassignedidentities/one`;

const IN_GROUP = { subscription: SUBSCRIPTION, group: 'group1' };

describe('a resource id names', () => {
  test.each([
    ['a virtual machine', VM, { kind: 'vm', ...IN_GROUP, vm: 'vm-a' }],
    ['a scale set', SET, { kind: 'set', ...IN_GROUP, set: 'set-a' }],
    [
      'an instance of a scale set',
      `${SET}/virtualmachines/7`,
      { kind: 'instance', ...IN_GROUP, set: 'set-a', instance: '7' },
    ],
  ] as const)('%s, and is written as it was read', (_, text, id) => {
    expect(parseMachineId(text)).toEqual(id);
    expect(formatMachineId(id)).toBe(text);
  });

  test('the same machine in any case', () => {
    expect(parseMachineId(VM.toUpperCase())).toEqual(parseMachineId(VM));
    expect(parseIdentityId(IDENTITY.toUpperCase())).toBe(IDENTITY);
  });

  test('names with letters of any script, digits, dots, dashes, underscores and brackets', () => {
    const name = 'été-7.(x)_';
    const text = `/subscriptions/${SUBSCRIPTION}/resourcegroups/${name}/providers/microsoft.compute/virtualmachines/${name}`;
    expect(parseMachineId(text)).toMatchObject({ group: name, vm: name });
    expect(parseIdentityId(IDENTITY.replace('one', name))).toContain(name);
  });

  test('names of up to 90 characters', () => {
    const name = 'x'.repeat(90);
    expect(parseMachineId(VM.replace('vm-a', name))).toMatchObject({ vm: name });
    expect(parseMachineId(VM.replace('vm-a', `${name}x`))).toBeUndefined();
    expect(parseIdentityId(IDENTITY.replace('one', name))).toBeDefined();
    expect(parseIdentityId(IDENTITY.replace('one', `${name}x`))).toBeUndefined();
  });
});

describe('names nothing', () => {
  const wrong: readonly (readonly [string, (text: string) => string])[] = [
    ['with something before it', (text) => `x${text}`],
    ['with a slash after it', (text) => `${text}/`],
    ['with a line break after it', (text) => `${text}\n`],
    ['with a query after it', (text) => `${text}?x=y`],
    ['with a part after it', (text) => `${text}/extensions/x`],
    ['without its last name', (text) => text.slice(0, text.lastIndexOf('/') + 1)],
    ['with a name of dots', (text) => text.replace(/[^/]+$/, '..')],
    ['with a group of dots', (text) => text.replace('group1', '..')],
    ['with an empty group', (text) => text.replace('group1', '')],
    ['with a group of 91 characters', (text) => text.replace('group1', 'x'.repeat(91))],
    ['with an escape', (text) => text.replace('group1', 'group%31')],
    ['with a letter that has no plain partner', (text) => text.replace('group1', '\u212a')],
    ['with a subscription that is no GUID', (text) => text.replace('0123abcd', '0123abcg')],
    ['with a longer subscription', (text) => text.replace('0123abcd', '00123abcd')],
    ['with a subscription of fewer groups', (text) => text.replace('-89ef', '')],
    ['of another provider', (text) => text.replace('providers/microsoft.', 'providers/microsoft-')],
    ['of another type', (text) => text.replace(/\/(?:virtualmachine|userassigned)/, '/x$&')],
  ];

  test.each(wrong)('%s', (_, change) => {
    for (const text of [VM, SET, `${SET}/virtualmachines/7`]) {
      expect(change(text)).not.toBe(text);
      expect(parseMachineId(change(text))).toBeUndefined();
    }
    expect(change(IDENTITY)).not.toBe(IDENTITY);
    expect(parseIdentityId(change(IDENTITY))).toBeUndefined();
  });

  test('of the other kind', () => {
    expect(parseMachineId(IDENTITY)).toBeUndefined();
    expect(parseIdentityId(VM)).toBeUndefined();
  });

  test('nothing at all', () => {
    expect(parseMachineId('')).toBeUndefined();
    expect(parseIdentityId('')).toBeUndefined();
  });
});
