import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AzureAllowRule,
  couldMatch,
  evaluateAllowRules,
  type MachineFacts,
} from '../../../shared/resources/azure-allow-rules.ts';

const [T1, T2] = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002'];
const [S1, S2] = ['bbbbbbbb-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002'];

const machine: MachineFacts = { tenant: T1, subscription: S1, resourceGroup: 'Group1' };

describe('a rule admits', () => {
  test.each<[string, AzureAllowRule]>([
    ['a tenant', { tenant: T1 }],
    ['a subscription', { subscription: S1 }],
    ['both', { tenant: T1, subscription: S1 }],
    ['a group in another case', { subscription: S1, resource_groups: ['other', 'gROUP1'] }],
    ['a subscription in another case', { subscription: S1.toUpperCase() }],
  ])('%s', (_, rule) => {
    expect(evaluateAllowRules([rule], machine)).toEqual({ admitted: true, rule: 0 });
  });

  test('though it is not the first one', () => {
    const rules = [{ subscription: S2 }, { tenant: T1 }, { subscription: S1 }];
    expect(evaluateAllowRules(rules, machine)).toEqual({ admitted: true, rule: 1 });
  });
});

describe('no rule admits', () => {
  test.each<[string, AzureAllowRule, string]>([
    ['another tenant', { tenant: T2 }, 'tenant'],
    ['another subscription', { subscription: S2 }, 'subscription'],
    ['another subscription of the tenant', { tenant: T1, subscription: S2 }, 'subscription'],
    ['another tenant of the subscription', { tenant: T2, subscription: S1 }, 'tenant'],
    ['another group', { subscription: S1, resource_groups: ['group2'] }, 'resource_groups'],
    ['a group that begins so', { subscription: S1, resource_groups: ['group'] }, 'resource_groups'],
    ['a group that goes on', { subscription: S1, resource_groups: ['group10'] }, 'resource_groups'],
    [
      'a group that ends so',
      { subscription: S1, resource_groups: ['my-group1'] },
      'resource_groups',
    ],
    [
      'a group as an expression',
      { subscription: S1, resource_groups: ['group.'] },
      'resource_groups',
    ],
  ])('%s, and says which field', (_, rule, field) => {
    expect(evaluateAllowRules([{ tenant: T2 }, rule], machine)).toEqual({
      admitted: false,
      mismatches: ['azure.allow[0].tenant', `azure.allow[1].${field}`],
    });
  });

  test('without any rule', () => {
    expect(evaluateAllowRules([], machine)).toEqual({ admitted: false, mismatches: [] });
    expect(couldMatch([], machine)).toBe(false);
  });
});

const tenant = fc.constantFrom(T1, T2);
const subscription = fc.constantFrom(S1, S2);
const group = fc.constantFrom('rg', 'rg-prod', 'my-rg', 'r');
const anyCase = <T extends fc.Arbitrary<string>>(value: T) =>
  fc.tuple(value, fc.boolean()).map(([text, upper]) => (upper ? text.toUpperCase() : text));
const rule = fc
  .record(
    {
      tenant: anyCase(tenant),
      subscription: anyCase(subscription),
      resource_groups: fc.array(anyCase(group), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  )
  .filter(
    (one) =>
      one.subscription !== undefined ||
      (one.tenant !== undefined && one.resource_groups === undefined),
  ) as fc.Arbitrary<AzureAllowRule>;
const rules = fc.array(rule, { maxLength: 4 });
const facts = fc.record({
  tenant: anyCase(tenant),
  subscription: anyCase(subscription),
  resourceGroup: anyCase(group),
});
const known = fc.record({
  tenant: fc.boolean(),
  subscription: fc.boolean(),
  resourceGroup: fc.boolean(),
});

type Known = Readonly<Record<keyof MachineFacts, boolean>>;
const part = (all: MachineFacts, has: Known): MachineFacts => ({
  tenant: has.tenant ? all.tenant : undefined,
  subscription: has.subscription ? all.subscription : undefined,
  resourceGroup: has.resourceGroup ? all.resourceGroup : undefined,
});

describe('for any rules and any machine', () => {
  /** What a rule means, written once more: every part that it names is the machine's, whatever the case. */
  const means = (
    one: AzureAllowRule,
    { tenant: t, subscription: s, resourceGroup: g }: MachineFacts,
  ) => {
    const same = (a: string | undefined, b: string | undefined) =>
      a === undefined || a.toLowerCase() === b?.toLowerCase();
    return (
      same(one.tenant, t) &&
      same(one.subscription, s) &&
      (one.resource_groups?.some((name) => same(name, g)) ?? true)
    );
  };

  test('the first rule whose every named part is known to be equal admits', () => {
    fc.assert(
      fc.property(rules, facts, known, (list, all, has) => {
        const some = part(all, has);
        const decision = evaluateAllowRules(list, some);
        const first = list.findIndex((one) => means(one, some));
        expect(decision.admitted ? decision.rule : -1).toBe(first);
      }),
      { numRuns: 500 },
    );
  });

  test('what is known of a machine never rules out what all of it would admit', () => {
    fc.assert(
      fc.property(rules, facts, known, (list, all, has) => {
        fc.pre(evaluateAllowRules(list, all).admitted);
        expect(couldMatch(list, part(all, has))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('what could match is admitted by some machine with these facts', () => {
    const everyone = [T1, T2].flatMap((t) =>
      [S1, S2].flatMap((s) =>
        ['rg', 'rg-prod', 'my-rg', 'r'].map((g) => ({
          tenant: t,
          subscription: s,
          resourceGroup: g,
        })),
      ),
    );
    const agrees = (one: MachineFacts, some: MachineFacts) =>
      (['tenant', 'subscription', 'resourceGroup'] as const).every(
        (field) =>
          some[field] === undefined || some[field].toLowerCase() === one[field]?.toLowerCase(),
      );
    fc.assert(
      fc.property(rules, facts, known, (list, all, has) => {
        const some = part(all, has);
        const possible = everyone.some(
          (one) => agrees(one, some) && evaluateAllowRules(list, one).admitted,
        );
        expect(couldMatch(list, some)).toBe(possible);
      }),
      { numRuns: 300 },
    );
  });

  test('where everything is known both say the same', () => {
    fc.assert(
      fc.property(rules, facts, (list, all) => {
        expect(couldMatch(list, all)).toBe(evaluateAllowRules(list, all).admitted);
      }),
    );
  });
});
