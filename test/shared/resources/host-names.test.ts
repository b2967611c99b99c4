import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseWith } from '../../../shared/protocol/schema.ts';
import {
  hostNameTemplates,
  makeHostNames,
  type NameFacts,
  needsFacts,
  templateFault,
} from '../../../shared/resources/host-names.ts';

const CLUSTER = 'test.example.org';
const naming = { cluster: CLUSTER, domains: ['hosts.example.com'] };
const vm: NameFacts = {
  vm_name: 'Web_1',
  resource_group: 'Group1',
  subscription: '11111111-1111-1111-1111-111111111111',
  location: 'westeurope',
  scale_set: undefined,
  instance_id: undefined,
};
const instance: NameFacts = { ...vm, vm_name: undefined, scale_set: 'pool', instance_id: '7' };

const name = (template: string, facts: NameFacts = vm): string => {
  const made = makeHostNames([template], facts, naming);
  return made.ok ? made.names.join() : made.why;
};

describe('without templates', () => {
  test('a virtual machine is called after itself and its group', () => {
    expect(makeHostNames(undefined, vm, naming)).toEqual({
      ok: true,
      names: [`web-1.group1.${CLUSTER}`],
    });
  });

  test("an instance of a uniform set is called after its number, its set and its set's group", () => {
    expect(makeHostNames(undefined, instance, naming)).toEqual({
      ok: true,
      names: [`7.pool.group1.${CLUSTER}`],
    });
  });
});

test.each<[string, string]>([
  ['{{vm_name}}.{{cluster}}', `web-1.${CLUSTER}`],
  ['{{vm_name}}.{{location}}.{{cluster}}', `web-1.westeurope.${CLUSTER}`],
  ['{{subscription}}.{{cluster}}', `11111111-1111-1111-1111-111111111111.${CLUSTER}`],
  ['db.{{cluster}}', `db.${CLUSTER}`],
  ['{{vm_name}}.hosts.example.com', 'web-1.hosts.example.com'],
])('%s makes %s', (template, expected) => {
  expect(name(template)).toBe(expected);
});

describe('no name is made', () => {
  test.each<[string, string, Partial<NameFacts>, string]>([
    ['of what the machine lacks', '{{scale_set}}.{{cluster}}', {}, 'the machine has no scale_set'],
    [
      'of a value with a dot, which would be two labels',
      '{{vm_name}}.{{cluster}}',
      { vm_name: 'web.east' },
      'its vm_name can be no label',
    ],
    ['of letters beyond ASCII', '{{vm_name}}.{{cluster}}', { vm_name: 'wéb' }, 'can be no label'],
    [
      'of the Kelvin sign, which JavaScript takes for a k',
      '{{vm_name}}.{{cluster}}',
      { vm_name: '\u212aeb' },
      'can be no label',
    ],
    ['of 64 characters', '{{vm_name}}.{{cluster}}', { vm_name: 'a'.repeat(64) }, 'can be no label'],
    ['of a dash at the end', '{{vm_name}}.{{cluster}}', { vm_name: 'web_' }, 'can be no label'],
    ['of a dash at the beginning', '{{vm_name}}.{{cluster}}', { vm_name: '-a' }, 'can be no label'],
    ['of punycode', '{{vm_name}}.{{cluster}}', { vm_name: 'XN--a' }, 'can be no label'],
    ['of nothing', '{{vm_name}}.{{cluster}}', { vm_name: '' }, 'can be no label'],
    [
      'outside the cluster and the domains',
      'www.example.net',
      {},
      'it is not below test.example.org or hosts.example.com',
    ],
    ['that is the cluster itself', '{{cluster}}', {}, 'it is not below'],
    ['that only ends like the cluster', 'evil-test.example.org', {}, 'it is not below'],
    [
      'of more than 253 characters',
      `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.{{cluster}}`,
      {},
      'it is longer than 253 characters',
    ],
  ])('%s', (_, template, change, why) => {
    expect(name(template, { ...vm, ...change })).toContain(why);
  });

  test('if one of several is impossible: all or none', () => {
    const templates = ['{{vm_name}}.{{cluster}}', '{{scale_set}}.{{cluster}}'];
    expect(makeHostNames(templates, vm, naming)).toMatchObject({ ok: false });
  });
});

test('machines whose values differ in more than case and underscores never share a name', () => {
  const value = fc.string({
    unit: fc.constantFrom('a', 'B', '1', '-', '_', '.', 'é'),
    maxLength: 6,
  });
  const facts = fc.record({ vm_name: value, resource_group: value });
  const plain = (text: string): string => text.toLowerCase().replaceAll('_', '-');
  fc.assert(
    fc.property(facts, facts, (a, b) => {
      const [first, second] = [a, b].map((one) =>
        makeHostNames(undefined, { ...vm, ...one }, naming),
      );
      if (!first?.ok || !second?.ok) return;
      const same =
        plain(a.vm_name) === plain(b.vm_name) &&
        plain(a.resource_group) === plain(b.resource_group);
      expect(first.names[0] === second.names[0]).toBe(same);
    }),
  );
});

describe('templates', () => {
  const problemOf = (value: unknown): string => {
    const parsed = parseWith(hostNameTemplates, value);
    return parsed.ok ? 'accepted' : parsed.problem.message;
  };

  test.each([
    [['{{vm_name}}.{{resource_group}}.{{cluster}}']],
    [['web-1.example.org', '{{instance_id}}.{{scale_set}}.{{cluster}}']],
  ])('%j are accepted', (templates) => {
    expect(problemOf(templates)).toBe('accepted');
  });

  test.each<[unknown, string]>([
    [[], 'expected at least one name'],
    [Array(17).fill('a.{{cluster}}'), 'expected at most 16 entries'],
    [['{{vm_nam}}.{{cluster}}'], 'expected one of {{vm_name}}, {{resource_group}}'],
    [['a{{vm_name}}.{{cluster}}'], 'expected labels'],
    [['{{vm_name}}-{{resource_group}}.{{cluster}}'], 'expected labels'],
    [['*.{{cluster}}'], 'expected labels'],
    [['Web.{{cluster}}'], 'expected labels'],
    [['xn--a.{{cluster}}'], 'expected labels'],
    [['a..b'], 'expected labels'],
    [['a b'], 'expected labels'],
    [[''], 'expected labels'],
    ['a.b', 'expected a list'],
  ])('%j are refused', (templates, message) => {
    expect(problemOf(templates)).toContain(message);
  });

  test('need facts unless all that they name is the cluster', () => {
    expect(needsFacts('web.{{cluster}}')).toBe(false);
    expect(needsFacts('web.example.org')).toBe(false);
    expect(needsFacts('{{location}}.{{cluster}}')).toBe(true);
  });
});

describe('a template is of no use, whatever the machine,', () => {
  const long = ['a', 'b', 'c'].map((letter) => letter.repeat(63)).join('.');

  test.each([
    ['www.example.net', 'it is not below test.example.org or hosts.example.com'],
    ['{{cluster}}', 'it is not below'],
    ['{{cluster}}.{{vm_name}}', 'it is not below'],
    ['{{vm_name}}.{{location}}.example.com', 'it is not below'],
    ['{{vm_name}}', 'it is not below'],
    [`${long}.${'d'.repeat(60)}.{{cluster}}`, 'it is longer than 253 characters'],
  ])('like %s', (template, why) => {
    expect(templateFault(template, naming)).toContain(`no host can have such a name: ${why}`);
  });

  test.each([
    ['{{vm_name}}.{{cluster}}'],
    ['{{instance_id}}.{{scale_set}}.{{resource_group}}.{{subscription}}.{{location}}.{{cluster}}'],
    ['db.hosts.example.com'],
    ['{{cluster}}.hosts.example.com'],
    [`{{vm_name}}.${long}.{{cluster}}`],
  ])('but not %s', (template) => {
    expect(templateFault(template, naming)).toBeUndefined();
  });
});
